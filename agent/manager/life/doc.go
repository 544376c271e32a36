// Package life is the life of one collector as a pure function. What happened and the
// time go in; what is to be done comes out. It owns no process, no timer and no lock, so
// that all of it can be tested with invented events and times. Package manager does what
// comes out.
//
// # States
//
//	stopped ──► starting ──► running ◄──► paused
//	   ▲            │            │           │
//	   │            │            ▼           ▼
//	   │            │        unresponsive ◄──┘     three heartbeats were missed, and the
//	   │            ▼            │                 collector is asked for its health
//	   │         stopping ◄──────┘                 it was asked to end
//	   │            │
//	   │            ▼
//	   │        being killed ──► cannot be killed  such as one that waits for a disk
//	   │            │
//	   └────────────┴──► waiting to restart, gave up ──► starting
//
// A collector that ends without being asked to is started again after a pause that
// doubles each time. It is given up after MaxRestarts in a row, and started once more
// after each CoolDown. It has its restarts back when it was registered for StableAfter,
// and when an operator starts it. An end that only means that the agent refused the
// collector for the moment takes no restart.
//
// An external collector is a process of somebody else. It is absent instead of starting, and
// it is asked to end and never killed. One that only stood still is back with its next
// heartbeat.
//
// # Times
//
// A time is how long the agent was awake, see Clock: while the agent itself stood still it
// could not notice heartbeats, so that time counts for no deadline, and heartbeats count
// anew after it (Anew). The clock must be read once every MaxStep at least.
//
// With the defaults a collector that hangs is unresponsive 6.5 s after its last heartbeat,
// asked to end a second later, killed a second later, and started again after 0.2 s.
//
// # What is missed
//
// From the moment when a collector that was registered ends, is paused, or misses its
// heartbeats, until it collects again, events are missed. Step returns Note at the beginning
// and Announce at the end, or Forget where the collector only was paused: it lives, and
// announces that itself. Step also returns Announce, and then Note, when a collector is given
// up, because that end may be far.
package life
