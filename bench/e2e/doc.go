// Package e2e measures systems that move messages from processes to processes, and
// puts each beside a floor of the same run.
//
// A [System] is what has to be known of one: how to run its broker, connect a
// publisher and connect a subscriber. Each of them becomes a process of its own
// (package proc), and the same generators and receivers (package load) drive them
// all:
//
//	publisher 0 ──┐                    ┌──► subscriber 0 ─┐
//	              ├──► system's broker ┤                  │
//	publisher 1 ──┘                    └──► subscriber 1 ─┤
//	     ▲                                                │
//	     └────────── credits, past the broker ────────────┘
//
// A [Spec] is one measurement: how many publishers and subscribers, how large the
// messages, and either a window (how much can it move?) or a rate (how long does a
// message take?). [Run] does one, [Rounds] measures several systems in turn, A B A
// B, so that what the machine does meanwhile strikes them all. [Idle] measures what
// a broker costs that has nothing to do.
//
// The program that measures gives its systems to [Roles] in TestMain, since the
// processes find them by name.
package e2e
