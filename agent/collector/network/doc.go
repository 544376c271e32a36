// Package network observes connections of TCP, and the ports of TCP and UDP that are
// listened on: a snapshot of those that there are, then what is opened and closed.
//
// # Sources
//
// With ModeEBPF a program inside of the kernel (bpf/network.c) records each change of the
// state of a socket of TCP that matters: connected, accepted, listened on, ended. It notes
// with the socket who called connect or listen, so that the process is known however short
// the connection is. sock_diag lists what is there at first, what a loss hid, and sockets
// of UDP at an interval, because those have no states.
//
// With ModeDiag sockets are listed at an interval, and the kernel sends a message for each
// that comes to its end. The message has both addresses and the bytes, so that a connection
// that no list had is announced with it; the kernel is asked for the port that it came to
// (listening.go). ModeAuto takes the first one that the host allows, and Describe returns
// which, and what the better one lacks.
//
// With each source two programs on the packets of all control groups (bpf/dns.c) show queries of
// DNS and their answers, where control groups of version 2 are mounted and CAP_NET_ADMIN,
// CAP_BPF and CAP_PERFMON are there. They let every packet go on. Describe returns what lacks.
//
// # The way of an event
//
//	a program on a tracepoint ─► ring ─► records ─► whose socket ─► event ─► Emit
//	   bpf/network.c                     record.go  apply.go        emit.go
//
//	sock_diag, at an interval ─► difference ─┐
//	   diag.go                   tracker.go  ├─► whose socket ─► event ─► Emit
//	end of each socket ─► queue ─► parse ────┘   owners.go       emit.go
//	   (one goroutine)             message.go    (another goroutine, all of it)
//
// A socket is known by its cookie, which no other one has in the same run of the kernel, and
// which the records have as well as the lists.
//
// # What is what
//
// Source is the side that opened a connection. A record shows who did. In a list a
// connection whose port on our side is listened on was opened by the other side (accept,
// ingress), and otherwise by us (connect, egress). A connection of which both ends are
// here has events of both ends. A port that is listened on stands as destination,
// without a source.
//
// A socket of UDP that is not connected is a port that is listened on, from the second look
// on that finds it, because whoever sends without a connection has one for a moment.
//
// The end of a connection has its duration, if its begin was seen, and the bytes of each
// side, where the kernel keeps them (Linux 5.5). The end of a stream may count as one byte.
//
// What went through each interface comes at an interval of its own (traffic.go): bytes,
// packets, errors and drops since the sample before. An interface that was idle has no
// event. A counter that began anew gives no figure, and neither does an interface that was
// not there before.
//
// A query over UDP to port 53 is one event, by who sent it, with the status and the records of
// its answer. Without an answer in five seconds it has neither. A query that is sent again is
// the same one.
//
// # Who it is
//
// With ModeEBPF the process of a connection of ours is the one that called connect, and
// that of a connection from outside the one that called listen: which one of several
// takes it with accept is not known when it is there. Pid, start, user, parent and name
// are copied in that moment; what else an event has comes from /proc, or, where the
// process has ended since, from what the process collector has announced (actor.Feed).
//
// In a list the process is the one with the lowest pid that has a descriptor of the
// socket, when the socket is first found. Where we may not look at the descriptors, which
// takes CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH for those of others, only the user is known. An event of the end names the process that the begin named.
//
// # What is left out
//
// Events of users, programs and units that the configuration excludes are left out and
// counted (package filter). With ModeEBPF the kernel's program leaves out the connections
// and ports of a user of whom one was left out before: neither begin nor end has a record.
// Sockets of other network namespaces have none either. A list that follows a loss shows
// the collector sockets that were left out in the kernel; it leaves them out, and counts
// them, once more, and their ends have records from then on.
//
// # Losses
//
// A record that finds the ring full is counted, and a gap shows how many there were. All
// sockets are listed then, and again a second later: what is there and was not known is
// opened (inferred), and what both lists do not have has ended. Of a connection whose begin
// was lost and whose end is recorded both are announced, at their own times.
//
// With ModeDiag, when the buffer for the messages overruns, a gap reports it; how many were
// lost is not known. All sockets are listed at once then. What is missing from two lists
// in a row has ended, and is flagged as inferred, because the kernel may pass a socket
// over while others come and go. A message of its end that comes after that is left out.
//
// # Known limits
//
//   - ModeEBPF needs Linux 5.12, with BTF. A port that listen cannot get because somebody else
//     has it is opened and closed at once. A connection that was refused has no event.
//   - With ModeDiag, of a connection that is shorter than the interval the end is seen
//     only. It gives both events. The side that was listened on is by the process of the
//     port; of the other one nobody is known, not even the user. It has no duration.
//   - With ModeDiag a short connection counts as opened by us when its port is closed by the
//     time at which its end is read, or is bound to one device. One that our own side resets
//     (SO_LINGER of 0) is not seen, because the kernel's message has no remote port then.
//     A port that is open for less than the interval is not seen, unless somebody connected.
//   - The time of what a look finds is that of the look (time_approximate).
//   - Only the network namespace of the collector is seen, so no containers with their own.
//   - Connected sockets of UDP and raw sockets are not seen.
//   - Queries over TCP, TLS and HTTPS, and to other ports, are not seen. A program that asks a
//     resolver of this host by other means than UDP is not seen; what the resolver asks is. Of
//     a packet of more than 1,023 bytes the rest is left out. Queries of all network
//     namespaces are seen.
package network
