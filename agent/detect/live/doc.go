// Package live runs rules on the events of a broker, and makes alerts of what they find.
//
//	bus ─► Runner: forged? ─► keep a copy ─► detect.Detector ─► fold ─► alert ─► Submit
//	       runner.go source.go   recent.go                      fold.go raise.go
//
//	files ─► load.go ─► compiled rules ─► exchanged between two events
//	         watch.go
//
// One goroutine has the events. Others get hold of its state between two events.
//
// # What an alert holds
//
// The rule, the event that matched as a whole, the values because of which it matched, the
// events that a correlation counted, why it may not have the whole picture, and its
// context: the last events of the same process tree.
//
// The context comes from copies of the last events that a Runner keeps, and not from the
// replay of the broker: to keep one takes 35 to 60 ns and to search all of them 40 µs
// (BenchmarkKeep, BenchmarkAround), where a replay would send up to 3,000 messages, of all
// processes, through the broker's routing thread for each alert, while the events that
// have to be looked at wait. The replay also has only the last thousand events of a type,
// which is a tenth of a second at 10,000 a second, where the copies have their own bytes.
//
// # Which alerts are the same
//
// See identity.go: the rule, who did it, and to what. A repeat within a second of the one
// before is gathered, and handed on together with others each second. A rule that raises
// too many different alerts has one that stands for all others.
//
// # Whose events count
//
// The broker holds collectors to their own topics. An event of a type that does not belong
// on its topic, or that an external collector publishes although there is a collector of
// that type, is dropped and counted, and its sender is named in the log, in the status and
// in the health.
//
// # Time
//
// Windows and alerts follow the time in the events. Events that are more than a minute
// off are counted, and taken all the same. A window forgets what is older than its span
// by the time of its newest event, and begins anew where the clock was set back; see
// package window. By this host's clock windows are only forgotten, at intervals.
//
// # Mistakes in rules
//
// A rule with a mistake leaves the others loaded. A file that was without a mistake when
// it was read before and has one now stays in force as it was, whole, until it is mended,
// removed, or the agent ends: a slip in an editor must not turn detection off. The report,
// the log and the health name it.
package live
