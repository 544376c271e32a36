// Package syslog is the sink that sends messages of RFC 5424: to a Unix socket, in
// datagrams (RFC 5426), or over TCP and TLS with octet counting (RFC 6587, RFC 5425).
//
// A message has the severity of the alert's level, APP-NAME daemoneye, in MSGID alert,
// update, message or notice, and a structured element [daemoneye@32473 id= seq= topic=
// level=]. 32473 is the number that RFC 5612 reserves for whoever has none.
// MSG is the body, or a line of text.
//
// # What each transport promises
//
//   - tcp, tls: what Send has counted as taken is with the kernel of the receiver. The
//     protocol has no answers, so that nobody knows whether the program behind it has
//     read it. When a connection breaks with bytes unread, that kernel resets it. Then
//     the last messages of the connection, up to 1 MiB, are sent again on the next one,
//     so that a receiver that is killed or restarted loses nothing of those, and may
//     have some twice. (TestAReceiverThatIsKilledLosesNothing) A receiver that does
//     not read takes what its kernel has room for: on Linux 6.18 with its defaults some
//     100 KB of messages of 0.5 KB. A Send of more waits until its context ends, and has
//     nothing taken. (TestAReceiverThatDoesNotReadHasNothing)
//   - unix: with a stream as tcp; a datagram waits for room in the socket of the
//     receiver, and is gone when the receiver ends before it reads it.
//   - udp: nothing at all. A refusal that the host of the receiver sends back counts as a
//     failure of the next message.
package syslog
