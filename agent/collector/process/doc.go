// Package process collects the processes of the host: a snapshot of those that
// there are, then each start and each exit.
//
// # Sources
//
// Three sources can report what happens, and the best one that the host allows is used.
// Describe states which it is, and what the better ones lack. All of them end in the same
// tracker and the same events: one test has the same story happen for each of them
// (story_test.go), and the README has what it shows.
//
//	ebpf     programs in the kernel copy all of an event in the moment in which it happens
//	netlink  the process connector reports pids, and /proc is read right then
//	poll     /proc is compared with what it was before, at an interval
//
// # The way of an event
//
//	kernel ─► its ring ───────────────────► parse ──► table ─► event ─► Emit
//	          bpf/process.c, ../ebpf        record.go tracker.go emit.go
//
//	kernel ─► receive ─► queue ──► parse ─► read /proc ─► wait ─► table ─► …
//	          ../receive      └──── internal/connector ────┘
//
//	/proc at an interval ──► compare ─► table ─► …
//	poll.go                  compare.go
//
// Each reader of the kernel does nothing but empty its buffer, or leaves what came in the
// kernel's ring. Events are taken from before the snapshot on, so that nothing is missed
// between them: what the snapshot has shown already is left out by its time.
//
// # What counts as a start
//
// A start is an exec: a process begins to run a program. The fork before it is
// not announced; the two are one event. A process that runs a second program is
// announced a second time, under the same pid and start ticks.
//
// A process that is only forked, such as a subshell or a worker, runs its
// parent's program still. It is neither announced nor is its end, unless it
// execs: an exit never comes without a start, a snapshot or a fork before it.
// With Options.Forks it is announced, with its own operation. Threads of the
// kernel count as such; other threads are not processes at all.
//
// Polling keeps to the same meaning as far as it can tell a fork from an exec:
// by where the stack lies, which the kernel shows of one's own processes and to
// those with CAP_SYS_PTRACE. Of others each new process counts as a start, and a
// second program is seen only with another name.
//
// With the connector /proc is read when the report of an exec comes, and by then the
// process may run the program after it. The report waits a few milliseconds until it is
// known whether another exec followed (internal/connector). Where what was read may be of the
// next program, it counts as unread: no exec ever shows another one's program.
//
// # What is known when a program could not be read
//
// The records of the kernel's programs have everything with them. What does not fit in,
// such as a path of more than 64 components, is read from /proc, if the process still has
// the same stack.
//
// With the other sources a process may end before we come to read it. Its record then
// still holds what the fork copied from the parent: parent, user and image. The event
// carries that and shows it: a field whose flag is set is not the process's own, and
// event.ImageInherited states where it comes from. What is certain either way is pid, parent
// and time. An exit carries what is in the table: name, executable and command line as
// they were announced, and the user that was reported last, which may be another one than
// at the start.
//
// # Who it is
//
// Each event names the user, also by name as /etc/passwd of the host has it; the user
// who logged in; the container and the unit of systemd, from the control group; the
// parent and up to five above it. The ancestors are those of the moment when the process
// began (package actor): they are still named when they have ended, or run other programs.
// A process whose parent had ended before its exec has the one that the kernel gave it
// instead.
//
// # What a process becomes, and what it runs
//
// A new effective user or group is an event (credentials.go) with what it was before. The
// connector reports each. The records of the kernel's programs show it at the next exec or
// at the end, and without them it is found by a look at an interval: one that lasts shorter
// is missed. A set-uid program has the event just before its start,
// as the kernel reports it, and so with the program before.
//
// Each program that is run is hashed (hashes.go, package integrity), once and when the file
// has changed, at a bounded rate and beside everything else. The event names the process
// that ran it. Of a process that has ended by then the file at its path is hashed. A
// program that nobody may read, and one of a container that has ended, has no event; one
// that is too large has one without a hash.
//
// # What is left out
//
// Events of programs, users and units that the configuration excludes are left out and
// counted (package filter). Values that its patterns match are replaced in command lines
// (package redact), as a flag of the event shows. By default neither happens. A program
// that is left out is not hashed: the next process that runs it may be wanted.
//
// The kernel's programs leave out a program like one that was left out before (kept.go), if
// nothing but its end can follow from it: it has no children, and its user and group are
// its parent's. They keep its record until the process ends. The collector gets it before
// the first fork, so that what the process starts names it, and before a change of its
// user, which is an event of its own. A list of processes shows what is kept. So all
// events, ancestors and numbers are those of a filter in the collector
// (TestFiltersInTheKernelLeaveOutWhatFiltersHereDo).
//
// BenchmarkLeftOut has what it saves: for a burst of programs that are all left out the
// collector takes 3 µs for each instead of 14, and the kernel's programs 9 instead of 7,
// because they copy the record all the same and keep it. Of such a program only its fork
// and its end come to the collector, and neither wakes it: they wait for the next
// record that does, for a second at most.
//
// # Losses
//
// When the kernel's buffer is full it drops reports. The connector numbers them
// for each cpu, and the kernel's programs count what found the ring full, so that the
// loss is known exactly (internal/connector, ../ebpf). It is announced as a gap, which counts
// reports, as its reason shows: one event may be made of several, and some make none. A
// comparison with /proc then brings the table in step: what it finds is flagged as
// inferred. Reports that have been received are applied before it;
// an end whose report still lies in the kernel's buffer at that moment is found
// by the comparison, and then comes without its status.
//
// # Known limits
//
//   - The kernel's programs keep 1,024 records of programs that are left out, of up to 511
//     bytes of text. What is beyond that goes to the filter in the collector.
//   - With the kernel's programs the list of processes may lack, for a second, one that was
//     only forked, or have one that is left out and has ended.
//   - Polling misses whatever lives shorter than the interval, and cannot tell
//     how a process ended.
//   - With the connector the end of a process is that of its last thread
//     (leader_exit.go). Of a process that had several, it is announced some 20 ms late,
//     unless it ended with a status; the time in it is exact. When the report of an exec
//     by another thread than the leader is among those that were lost, and the program
//     has ended by the time that we look, its start is missing.
//   - A process whose leader had ended before it was first seen shows neither its
//     executable nor its command line.
//   - The exit of a process that fell into a loss comes without its status.
//   - With the connector every start and exit is seen, but not every program can
//     be read before it ends: of programs that do nothing, half have no command line of
//     their own on a busy machine. A program that a debugger holds within its exec for
//     longer than connector.Lag may be shown for the exec before it.
//   - A container is known by an id of 64 hexadecimal digits in the path of its control
//     group, or by the name that LXC gives it. Users are named as on the host, although
//     a container may call them otherwise; users of a directory service have no name.
//   - Names are what the kernel keeps, 15 bytes.
//   - Where procfs hides processes of other users (mount option hidepid), polling does
//     not see them, and the connector's events of them show that they are unread.
package process
