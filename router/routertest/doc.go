// Package routertest is the conformance suite of router.Bus. It tests what every bus must
// do, in one process and over a socket alike.
//
//	func TestConformance(t *testing.T) {
//		routertest.Run(t, func(t *testing.T, o router.Options) (*router.Broker, func(name string) router.Bus) {
//			b := start(t, o) // a broker that ends with t
//			return b, func(name string) router.Bus { return dial(t, b, name) }
//		})
//	}
//
// Each case has a name and the rule that it tests. A case that fails prints its rule. It
// has a broker of its own, with the options that it needs, and as many clients of it as
// it needs.
//
// No case depends on how long something takes. A case waits for what must come. If it has
// waited for a minute, it fails.
package routertest
