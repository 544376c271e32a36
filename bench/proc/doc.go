// Package proc runs the parts of a measurement as processes of their own.
//
// Broker, publisher and subscriber in one process would share a scheduler, a heap
// and a garbage collector, and hand messages over without a single wake-up by the
// kernel. So each part is a [Role], and the program that measures starts itself once
// for each of them:
//
//	var roles = proc.Roles{"relay": relay, "publisher": publish}
//
//	func TestMain(m *testing.M) {
//		roles.RunIfChild() // does not return in a child
//		os.Exit(m.Run())
//	}
//
//	p, err := proc.Start(ctx, "relay", args) // in a benchmark
//	defer p.Stop()
//
// Parent and child exchange lines of JSON over two pipes: the child reports that it
// is ready, the parent sends go, the child sends its result. The kernel kills a child
// when its parent dies, and a child whose control pipe closes ends by itself.
//
// The program may also be another one ([Program]), such as that of an older commit:
// bench/compare starts programs of both sides. So the variable in which the name of
// the role stands, the two descriptors and the messages are kept. Fields may be added
// to what roles exchange; none may go or mean something else (wire_test.go here and in
// e2e).
//
// [Measure] returns what the calling process cost between two moments: CPU, memory,
// and for how long the garbage collector stopped the world. [ReadRSS] and [ReadCPU]
// look at any process from outside.
package proc
