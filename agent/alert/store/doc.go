// Package store keeps alerts on the disk, folds repeats, and passes on what happens to them.
//
//	Submit ─► fold? ─► queue ─► writer: number, write, sync ─► OnRaised, Records
//	           │                          │
//	           └ count, written later     └► index, for queries
//
// # What holds
//
//   - An alert is raised when its line in the journal is on the disk. Then OnRaised is called
//     and Records returns it, in the order of the numbers. A kill of the process at any
//     moment loses no alert that was raised.
//   - An alert alone is written at once. What is queued while the disk syncs goes together
//     with the next sync.
//   - The journal is the truth. The index is made from it, checked against it at intervals,
//     and made again where it differs. A damaged segment is kept, and what is whole in it
//     goes on. What is lost is counted, and Health has it.
//   - A repeat is never lost in order: it is counted in its alert, and the count is written
//     after a second at first, and at most once a minute for an alert that goes on
//     repeating. A crash loses the repeats since then; a Close none.
//   - A rule that raises more than Burst alerts in BurstWindow has one alert for all further
//     ones in that time, which counts them.
//   - While the disk cannot be written, alerts go on in memory: they are raised, passed on,
//     found by queries, and written with the same numbers when that is possible again. The
//     memory is bounded. An alert that finds no room is counted by its rule and dropped, and
//     a rule has at most a quarter of the room. (TestWhileTheDiskFailsAlertsGoOn)
//   - The same holds while the disk neither does what it is asked for nor fails, as a mount
//     whose server is dead, or a frozen file system. An alert waits for it for 3 seconds, and
//     so does Open. What the disk was doing goes on in a goroutine of its own, and counts when
//     it returns. (TestADiskThatDoesNotAnswerHoldsNoAlert, TestARealDiskThatIsFrozen)
//   - Before the directory could be read once, nobody knows what was raised before, which
//     silences hold, and how far outputs were: ErrUnread. Cursors are not changed then.
//     (TestADirectoryThatDoesNotAnswerDelaysNoStart)
//   - A silenced alert is raised, kept, marked and passed on with its mark. One that repeats
//     after its silence has ended is raised anew.
//   - Ids and numbers grow, whatever the clock does. A window or a silence that was opened
//     with one clock ends early or late by as much as the clock is set. Where the clock is
//     set by more than an hour while the store is open, nothing is removed by its age for a
//     day.
//
// # The data directory
//
//	version        {"what":"daemoneye alerts","version":1,"crc":"…"}
//	lock           the pid of the process that has it; the lock itself is one of fcntl(2)
//	journal/       the truth, see package journal; its payloads are in package ledger
//	index.db       see package index: buckets "alert" (id of 16 bytes → ledger.Row as JSON)
//	               and "fold" (key of de-duplication → id)
//
// All of it is for its user only. A directory of a later version is refused with ErrNewer.
//
// # What may not be assumed
//
// That nothing waits for a disk that does not answer. Close waits 10 s for it. Queries and
// Records end with ErrStalled after a time, and 32 of them go on waiting at most. A change of
// an alert that is only on the disk ends with ErrStalled too. The index is mapped into
// memory: a page of it that is not there yet stops the thread that touches it, and with the
// next collection of garbage the process, until the disk answers. So the data directory
// belongs on a disk of the host.
//
// The segments of the journal go as a whole, the oldest first, and alerts with them, also
// open ones. Who reads Records by cursor learns how many lines it missed.
package store
