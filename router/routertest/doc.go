// Package routertest is the conformance suite of router.Bus: what every bus must
// do, in one process and over a socket alike.
//
//	func TestConformance(t *testing.T) {
//		routertest.Run(t, func(t *testing.T, o router.Options) (*router.Broker, func(name string) router.Bus) {
//			b := start(t, o) // a broker that ends with t
//			return b, func(name string) router.Bus { return dial(t, b, name) }
//		})
//	}
//
// Each case has a name and the rule that it holds the bus to; a case that fails
// prints its rule. A case gets a broker of its own, with the options that it
// asks for, and as many clients of it as it wants.
//
// No case depends on how long something takes. Whatever must come is waited for,
// and a case that waits for more than a minute fails, for then it never will.
package routertest
