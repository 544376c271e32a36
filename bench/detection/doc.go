// Package detection measures what rules cost an agent under nominal load, and how long it
// takes from an event to its alert.
//
// The agent is a process of its own, with its data directory on the disk that holds the
// temporary directory. This process publishes the committed mix of events over the socket
// as a collector does, 10,000 a second by the clock, and now and then one that a rule
// matches; it subscribes to the alerts. The processor time is that of the agent's whole
// process. What detection takes of it is the difference to an agent without detection in
// the same round.
package detection
