// Package ipc brings a broker (package router) to other processes, over a Unix
// stream socket in the format of package frame: Serve on one side, Dial on the
// other. A Client is a router.Bus, as the broker's in-process client is.
//
// It is for processes of one host. There is no TCP, no encryption and no password:
// the kernel reports who connects, and a policy.Policy what they may do. Nor is it a
// queue that survives the broker: what no subscriber has taken when the broker ends
// is gone. In one process, use the broker's own client, which needs no socket.
//
// # The server
//
// Serve runs the broker's routing thread and owns epoll there. A turn reads once
// from every socket that has something, into one common buffer, routes what came,
// and then writes to every subscriber once: frames that lie side by side leave as one
// piece. What a socket does not take stays in the queues of its subscriptions, and
// they drop by their policy. System calls on descriptors that cannot block are made
// without telling Go's scheduler. The wait for events goes through it, so that the
// garbage collector never waits for the routing thread. After a turn that brought
// much, the server looks for more for some 10 µs before it sleeps, unless another
// thread wants the core. That is a tenth more throughput for one publisher and one
// subscriber, and nothing at 10,000 messages a second, where no turn brings much.
//
// A connection is accepted, and ready after its handshake. It may then be draining
// (it is written to and not read any more) or write-closed (its client has gone, and
// what it sent before is read to its end), before it is closed between two turns.
// While it is ready its reads may be held, because the client sends faster than its
// rate, does not take the server's answers, or has sent more than a turn's work.
//
// None of the server's bounds has an effect on other clients. A client that exceeds
// one which is a fault gets an error or a goodbye, as far as its socket takes that,
// and is counted under the same code in the statistics' refused. The other bounds
// cost time or messages, and are counted as the table shows:
//
//	before hello                    refused by user alone: denied, with a policy.EarlyPolicy
//	handshake                       ConnectionTimeout; 64 at once, the oldest goes: handshake
//	clients                         MaxConnections: limit; a policy.Reserver has more places
//	hello                           16 KiB: too-large; name and role 256 bytes each: body
//	one frame                       the broker's MaxMessageSize: too-large
//	a frame begun, and not finished ConnectionTimeout: heartbeat
//	all of them, if over 64 KiB     half of the broker's MaxMemory; the first begun goes: memory
//	socket full, nothing taken      ConnectionTimeout: slow
//	sockets that take a part        MaxMemory with all else that no queue can evict; the one of
//	                                which most is left goes: slow
//	answers unread, and MaxMemory   a quarter of that for all clients; the largest goes: slow
//	silence                         three times Heartbeat, after a ping: heartbeat
//	subscriptions, open requests    the broker's MaxSubscriptions and MaxRequests: limit
//	statistics requested, unread    256 KiB: overloaded
//	one read                        256 KiB, once a turn
//	one write                       256 KiB, or a connection's share of a quarter of MaxMemory, or
//	                                8 KiB when half of it is in use
//	one turn's work                 16 subscriptions, 256 requests: the rest in the next
//	the server's answers, unread    64 KiB, and as much again that is written in part, beside
//	                                MaxMemory: the client is not read until it takes them
//	frames a second                 PublishRate: the client is read no faster; paused of the client
//	messages queued                 the broker's MaxQueued and MaxMemory: a gap; dropped_by
//
// PublishRate bounds all frames, those at fault as well. A client that
// is too fast gets no error (code rate): it is made to wait. A time in which the server
// itself stood still, because its process or machine was stopped, counts for nobody.
//
// A client that sends its hello beyond MaxConnections, or connects when the process has no
// descriptors left, gets an error and is closed: limit. A policy.Reserver has places
// beside MaxConnections: one for each peer that it names, and four for visitors, who
// stay for five seconds and may do what it grants them. A new visitor takes the place of
// the oldest. A connection has none of these places before its hello. Of connections
// without a hello there are 64; where there are more, or where no descriptor is left, the
// one that goes is the oldest of the user, and of that user's process, that has most. Its
// socket is read before, so that it becomes a client if its hello has come. Where it is
// the only one of its process it has 25 ms, and the others wait to be accepted.
//
// The socket is 0600 in a directory that is 0700. A lock beside it proves that a
// server lives. A socket without one is stale and is taken over; where another
// process has the lock, the error is an *InUseError that names it. Inherited takes a
// socket from a service manager instead, with the same lock.
//
// Once a second the server checks that the socket and the lock are still at their path,
// because the end of a login session removes its directories, and so do programs that
// clean up. What is lost is bound anew. Of directories only those that Listen made are
// made again, and where another server has the path by then, the error names it and it
// is left alone. A socket that a service manager passed is never bound anew. The
// statistics' last error and OnSocket show what happened.
//
// A policy.Policy sees each client at its hello: pid, uid and gid as the kernel knows
// them, the program, and name and role as the client claims them. policy.Rules is one
// made of data. What a policy does not grant is answered by an error that is
// router.ErrDenied to errors.Is.
//
// # The client
//
// Messages that come now and then are written at once, by the goroutine that
// publishes; a dense stream is written in batches. With a LatencyBudget messages wait
// up to that long for more to be written with. A publisher that is faster than the
// broker reads waits for it; it never waits for a subscriber.
//
// One goroutine reads, on a thread of its own, and calls the Handlers of
// subscriptions. That is the shortest way, so a Handler must not block for long. It
// may publish, and close subscriptions. A call that waits for an answer of the broker
// would wait for the handler itself, and returns ErrInHandler. A handler that loops
// over the Messages of another subscription waits until the loop's context ends, for
// the same reason. Without a Handler, messages go through a queue of the client's own
// to the goroutine that loops over Messages; a gap there looks like one of the
// broker's.
//
// A client may assume that messages of one publisher on one lane come in their order
// and once, and that their numbers have no hole but those that a Gap names. When
// Flush returns, the broker has routed what was published before, and what it refused
// of that has been reported to OnError. Close writes what was published before it, if
// the broker takes that within a second. Drain also lets requests end and consumers
// take what is queued, and returns an error when the broker went before it had sent
// all of that.
//
// When the connection is lost, the client connects again, with a pause that doubles,
// and subscribes anew. Each subscription gets a Gap with the reason "connection lost"
// and a count of 0, which means unknown; its numbers go on behind that. With
// ReplayFrom it gets what the broker has kept since. A subscription that the new
// broker refuses ends, and its Err is the reason. What is published meanwhile is kept up
// to Backlog bytes, and so is what was not written whole; what was on its way is
// lost, and may or may not have been routed. A message that is too large for the new
// broker, or over which two connections ended, is dropped and reported to OnError,
// because it would keep back all behind it. Requests under way fail. A broker that
// sends nothing for three of its heartbeats is taken for lost as well.
//
// # Errors
//
// *OpError names what was attempted where; *frame.Fault what the other side reported, and it
// is the code's error of package frame to errors.Is; ErrDisconnected that there is no
// connection now; router.ErrClosed that there will be none any more.
package ipc
