// Package ipc brings a broker (package router) to other processes, over a Unix
// stream socket in the format of package frame: Serve on one side, Dial on the
// other. A Client is a router.Bus, as the broker's in-process client is.
//
// It is for processes of one host. There is no TCP, no encryption and no
// password: the kernel says who connects, and a Policy what they may do.
//
// # The server
//
// Serve runs the broker's routing thread and owns epoll there. A turn reads once
// from every socket that has something, into one common buffer (reader.go),
// routes what came, and then writes to every subscriber once (writer.go): frames
// that lie side by side leave as one piece. What a socket does not take stays in
// its queues, and they drop by their policy. System calls on descriptors that
// cannot block are made without telling Go's scheduler; waiting goes through it,
// so that the collector never waits for the routing thread (sys.go).
//
// A connection is accepted, ready after its handshake, doomed, ended (conn.go).
// These are its bounds: a handshake and a full socket may take ConnectionTimeout,
// silence three times Heartbeat, one read at most 256 KiB a turn, one frame the
// broker's MaxMessageSize, messages a second PublishRate, and what it leaves
// unread of the server's own answers a fixed amount. Each has an error that the
// client is told, a count in the statistics, and no effect on other clients. When
// there are no descriptors left, who connects is told so and turned away.
//
// The socket is 0600 in a directory that is 0700. A lock beside it proves that a
// server lives (lock.go): a socket without one is stale and taken over, and one
// with it is an *InUseError that names the process.
//
// # The client
//
// Messages that come now and then are written at once, by the goroutine that
// publishes; a dense stream in batches (outbox.go). With a LatencyBudget messages
// wait up to that long for company. Reading is done on a thread of its own that
// sits in recv(2), and a subscription's Handler is called there: the shortest way,
// so it must not block for long. Without one, messages go through a queue of the
// client's own to whoever loops over Messages; a gap there looks like one of the
// broker's.
//
// When the connection is lost, the client connects again, with a pause that
// doubles, and subscribes anew. Each subscription is told by a Gap with the reason
// "connection lost" and a count of 0, which means unknown. What is published
// meanwhile is kept up to Backlog bytes; what was on its way is lost, and may or
// may not have been routed. Requests under way fail.
//
// # Errors
//
// *OpError says what was attempted where; *PeerError what the other side said,
// and is the code's error of package frame to errors.Is; ErrDisconnected that
// there is no connection now; router.ErrClosed that there will be none any more.
package ipc
