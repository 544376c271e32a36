// Package ipc brings a broker (package router) to other processes, over a Unix
// stream socket in the format of package frame: Serve on one side, Dial on the
// other. A Client is a router.Bus, as the broker's in-process client is.
//
// It is for processes of one host. There is no TCP, no encryption and no
// password: the kernel says who connects, and a policy.Policy what they may do. Nor is it
// a queue that survives the broker: what nobody has taken when that ends is gone.
// In one process, use the broker's own client, which needs no socket.
//
// # The server
//
// Serve runs the broker's routing thread and owns epoll there. A turn reads once
// from every socket that has something, into one common buffer (reader.go),
// routes what came, and then writes to every subscriber once (writer.go): frames
// that lie side by side leave as one piece. What a socket does not take stays in
// its queues, and they drop by their policy. System calls on descriptors that
// cannot block are made without telling Go's scheduler; waiting goes through it,
// so that the collector never waits for the routing thread (sys.go). Behind a turn
// that brought much it looks again for some 10 µs before it sleeps, unless somebody
// else wants the core (loop.go): a tenth more throughput for one publisher and one
// subscriber, and nothing at 10,000 messages a second, where no turn brings much.
//
// A connection is accepted, ready after its handshake, perhaps closing (it is
// written to and not read from any more) or mute (it takes nothing any more, and
// what it sent before is read to its end), doomed, ended (conn.go). While it is
// ready it may be paused, for it sends too fast, owed, for it does not take
// answers, waiting, for it has sent more than a turn's work, or blocked, for its
// socket is full; in the first three it is not read from.
//
// None of its bounds has an effect on other clients. Who is beyond one that is a
// fault is told by an error or a goodbye, as far as its socket takes that, and is
// counted under the same code in the statistics' refused; the others cost time or
// messages, and are counted as said:
//
//	before hello                    refused by user alone: denied, with a policy.EarlyPolicy
//	handshake                       ConnectionTimeout: handshake
//	hello                           16 KiB: too-large; name and role 256 bytes each: body
//	one frame                       the broker's MaxMessageSize: too-large
//	a frame begun, and not finished ConnectionTimeout: heartbeat
//	all of them, if over 64 KiB     half of the broker's MaxMemory; the first begun goes: memory
//	socket full, nothing taken      ConnectionTimeout: slow
//	answers unread, and MaxMemory   a quarter of that for all clients; the fattest goes: slow
//	silence                         three times Heartbeat, after a ping: heartbeat
//	subscriptions, open requests    the broker's MaxSubscriptions and MaxRequests: limit
//	statistics asked for, unread    256 KiB: overloaded
//	one read                        256 KiB, once a turn
//	one turn's work                 16 subscriptions, 256 requests: the rest in the next
//	the server's answers, unread    256 KiB: it is not read from until it takes them
//	frames a second                 PublishRate: it is read no faster; paused of the client
//	messages queued                 the broker's MaxQueued and MaxMemory: a gap; dropped_by
//
// PublishRate bounds messages, requests, replies, and what is asked of the server.
// No client is told that it is too fast (code rate): it is made to wait.
//
// Beyond MaxConnections, and when there are no descriptors left, who connects is
// told so and turned away: limit.
//
// The socket is 0600 in a directory that is 0700. A lock beside it proves that a
// server lives (lock.go): a socket without one is stale and taken over, and one
// with it is an *InUseError that names the process. Inherited takes a socket from
// a service manager instead, with the same lock.
//
// A policy.Policy sees each client at its hello: pid, uid and gid as the kernel
// knows them, the program, and name and role as the client claims them. Rules is
// one made of data. What it does not grant is answered by an error that
// errors.Is takes for router.ErrDenied.
//
// # The client
//
// Messages that come now and then are written at once, by the goroutine that
// publishes; a dense stream in batches (outbox.go). With a LatencyBudget messages
// wait up to that long for company. A publisher that is faster than the broker
// reads waits for it; it never waits for a subscriber.
//
// Reading is done on a thread of its own that sits in recv(2), or in poll(2) where
// the client writes (client_read.go has the reason), and a
// subscription's Handler is called there: the shortest way, so it must not block
// for long. It may publish, and close subscriptions. What waits for an answer of
// the broker would wait for itself, and returns ErrInHandler. Without a Handler,
// messages go through a queue of the client's own to whoever loops over Messages;
// a gap there looks like one of the broker's. Both threads, that one and the
// broker's, yield to Go's scheduler now and then (yield.go has the reason).
//
// A client may assume that messages of one publisher on one lane come in their
// order and once, and that their numbers have no hole but those that a Gap names.
// When Flush returns, the broker has routed what was published before, and what
// it refused of that has been reported to OnError. Close writes what was published
// before it, if the broker takes that within a second; Drain also lets requests
// end and consumers take what is queued, and says so when the broker went before it
// had sent all of that.
//
// When the connection is lost, the client connects again, with a pause that
// doubles, and subscribes anew. Each subscription is told by a Gap with the reason
// "connection lost" and a count of 0, which means unknown; its numbers go on
// behind that. With ReplayFrom it gets what the broker has kept since. One that
// the new broker refuses ends, and its Err says why. What is published meanwhile
// is kept up to Backlog bytes, and so is what was not written whole; what was on
// its way is lost, and may or may not have been routed. A message that is too large
// for the new broker, or over which two connections ended, is dropped, and reported
// to OnError: it would keep back all behind it. Requests under way fail. A
// broker that says nothing for three of its heartbeats is taken for lost as well.
//
// # Errors
//
// *OpError says what was attempted where; *PeerError what the other side said,
// and is the code's error of package frame to errors.Is; ErrDisconnected that
// there is no connection now; router.ErrClosed that there will be none any more.
package ipc
