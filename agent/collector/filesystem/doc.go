// Package filesystem observes files: what is made, changed, renamed and removed in the
// trees that are configured, and who did it.
//
// # The way of an event
//
//	kernel ─► receive ─► queue ─► parse ─► trees ─► index ─► who ─► event ─► Emit
//	          (package receive)   …otify.go tree.go tracker.go      emit.go
//	          (one goroutine)     (another goroutine, from here to the end)
//
// The first goroutine does nothing but empty the kernel's queue. Describe returns which source
// is used, and why.
//
//	            fanotify                                inotify
//	needs       CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH      nothing
//	watches     whole filesystems; the kernel leaves    each directory: one watch each
//	            out what is outside, once it is known
//	who did it  yes; of others with CAP_SYS_PTRACE      no: it is unread
//	rename      both names, also in and out             in a tree; what comes in is a create,
//	                                                    what leaves a delete
//	new folders are watched before they have anything   are looked into after they were made, twice
//
// # What counts
//
// A tree is a path and all below it. A segment may have wildcards. A tree need not be there:
// it is watched from the moment when it comes to be. Of some trees only programs count,
// which are files that may be run; there a file counts from the moment when it may be.
//
// Content is modified when it is written. A file that is written again and again has one
// event at once, and then one a second at most. Whoever closes a file that he could write,
// and left as it was, has not modified it. A file that is made and written has a create, and
// a modify unless both came as one record.
//
// The kernel merges what happens to one name as long as nobody has received it. The event
// then has all of it (daemoneye.operations), in no order, and its own operation is the one
// that shows most.
//
// A directory that arrives with something in it gives an event for each file in it, which is
// flagged as inferred: no record shows it.
//
// # Who it is
//
// fanotify names a process by a descriptor, so that a later one with the same pid is never
// taken for it. Its program, command line and ancestors are read then. Of a program that has
// ended by that time, what the process collector has announced is known: its events come by
// the bus, and are waited for a little (actor.Feed). Without it, and of a program that it
// leaves out or could not read either, the pid is all that is known; the rest is flagged as
// unread. Changes by the agent itself and its collectors are left out, with
// fanotify.
//
// Many changes by one process within a short time are one more event (bulk): how many, how
// many of them renames and deletes, since when, and the directory that has them all. With
// inotify, which does not know processes, all changes count as one's.
//
// Changes by programs, users and units that the configuration excludes are left out and
// counted (package filter). With inotify, which does not know who made a change, none is.
//
// # Losses
//
// When the kernel's queue overflows, a gap reports it; how much was lost is not known. The trees
// are then compared with what is remembered of them, and what differs is announced, flagged
// as inferred, without who did it.
//
// # Known limits
//
//   - Paths are those at the time when a record is read: of a file whose directory was renamed
//     just after, the new one. A record of a directory that has been removed by then is lost.
//   - A filesystem that is mounted in a tree while the collector runs is not watched by
//     fanotify.
//   - What is read is not seen, and neither is a write through memory until the file is
//     closed. A change of a file by a hard link outside of the trees is not seen.
//   - Of the trees some 50,000 files are remembered, fewer with long paths. What is beyond is not
//     compared after a loss.
//   - What was changed and has the same size and time afterwards is not found after a loss.
//   - Time stamps of files are coarse (some milliseconds). A record of a file that has the
//     time stamp of the event before it is an event of its own, unless the file was looked
//     at long enough after that: one change may have two events, and none has no event.
//     What is written through memory has no record, so that a new content of the same size
//     within the tick of the last one is not seen.
package filesystem
