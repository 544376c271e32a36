// Package desk is where operators ask for alerts: it answers requests about a store, in
// JSON, for whoever carries them over the bus.
//
// A request is one object with a verb:
//
//	do           needs                          answers
//	list         filter                         alerts, more
//	show         alerts                         alerts
//	acknowledge  alerts; text: a note           alerts as they are now
//	close        alerts; text: a note           alerts as they are now
//	reopen       alerts; text: a note           alerts as they are now
//	note         alerts, text                   alerts as they are now
//	silence      silence: match, reason, until  silences: the new one
//	unsilence    silences: ids; text            silences: those that have ended
//	silences     nothing                        silences that hold
//
// An alert is named by its id, or by its end of four characters at least, which no other
// alert may have. A change of several alerts is one change after the other; the first that
// fails ends it, and the answer has those that were done beside the problem.
//
// An answer has at most a number of bytes that its carrier chooses. list stops where that is
// full: more shows it, and filter.before, the id of the last alert, goes on. An alert that is
// larger alone is cut, as alert.Alert.Encode does. Without filter.whole, list leaves out
// context and members, and of long texts in events nothing.
package desk
