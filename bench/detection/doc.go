// Package detection measures what rules cost an agent under nominal load, and how long it
// takes from an event to its alert.
//
// The agent is a process of its own, with its data directory on the disk that holds the
// temporary directory. This process publishes the committed mix of events over the socket
// as a collector does, 10,000 a second by the clock, and now and then one that a rule
// matches; it subscribes to the alerts. Each event is on a topic of its own type: one on
// those of another type would be dropped as a forgery, and no rule would see it. The
// processor time is that of the agent's whole process. What detection takes of it is the
// difference to an agent without detection in the same round.
//
// # What 500 rules take of a core
//
// Profiles of the agent's process, 12 s each, by what stands on the stack, on two cores
// that others used too; only ratios are to be trusted. Shares of a core:
//
//	rules matched                                          0.4 %
//	events checked, copied for the context, counted        0.3
//	events taken from the queue                            0.3
//	the routing thread wakes the goroutine                 0.6
//	Go's scheduler: threads that look for work and sleep   0.6
//	the routing thread: one subscriber more                0.7
//	ten alerts a second: raised 0.1, journal and index 0.3, output 0.2
//
// The engine, from its subscription to a match with its wake-ups, is the first five: 2.2 %.
// The row of the report without alerts has the sixth too. Events come once a millisecond,
// ten at a time, and each of the 900 turns that the routing thread makes in a second wakes
// the goroutine. Half of what that takes is the kernel's, which puts a thread to sleep and
// wakes it. It went when the same events came 100 at a time, ten times less often.
//
// # What was tried
//
//   - The goroutine rests while events are dense. With rests of 1.5 ms and 2 ms detection
//     took 0.2 to 2.4 % of a core less, and the median alert came 1.5 to 7 ms later, of which
//     1 ms is allowed. A rest within the latency budget, of 0.5 ms, merges nothing of what
//     comes once a millisecond.
//   - The goroutine sleeps in a system call, on a futex that the routing thread wakes without
//     Go's scheduler. Detection took 10.7 % of a core and not 3.5, medians of three rounds
//     taking turns, because the scheduler takes the processor away from a thread that is in a
//     system call for 20 µs, and wakes another one for it.
package detection
