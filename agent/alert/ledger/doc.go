// Package ledger is what the lines of an alert store mean: what each kind of line has, and
// what is in force after it. It reads and writes no file.
//
// The payload of a line of the journal is one of these objects, by its kind:
//
//	raised                        time, alert (whole, as package alert has it)
//	repeated                      time, alert (brief: its count and last time after it)
//	acknowledged, closed,
//	reopened, noted               time, alert (brief), by, text
//	silence                       time, silence
//	unsilence                     time, id of the silence, by, text
//	cursors                       time, cursors: outputs by name, and the last number that each has sent
//	dropped                       time, dropped: how many alerts found no room in memory, by rule
//
// A brief alert is what Alert.Brief returns, so that each line stands alone: whoever reads
// it needs no other one. A head is {"silences": […], "cursors": {…}}: what is in force
// before the first line of a segment. To apply a line twice does what once does, but for
// notes.
package ledger
