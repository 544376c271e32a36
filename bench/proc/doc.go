// Package proc runs the parts of a measurement as processes of their own.
//
// Broker, publisher and subscriber in one process would share a scheduler, a heap and a garbage collector, and hand messages
// over without a single wake-up by the kernel. So each part is a [Role], and the program that measures starts itself once for
// each of them:
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
// Parent and child talk in lines of JSON over two pipes: the child says that it is ready, the parent says go, the child gives
// its result. The kernel kills a child when its parent dies, and a child whose control pipe closes ends by itself.
//
// [Measure] tells what the calling process cost between two moments: CPU, memory, and for how long the garbage collector stopped the world.
// [ReadRSS] and [ReadCPU] look at any process from outside.
package proc
