// Package floor holds the least that can move messages between processes over Unix
// sockets: what a broker is compared with.
//
// Nobody can be faster than the socket, so a figure means more beside what the
// socket alone does, on the same machine in the same minute. The messages are the
// same bytes as everywhere in the bench, each after four bytes of length; a floor
// neither parses nor routes nor counts them.
//
//	one-hop          publisher → subscriber, writes of 64 KiB
//	one-hop-single   the same, one write a message
//	relay-batched    publisher → relay → subscriber; the relay is one thread with epoll, reads up to 256 KiB, and writes
//	                 once to each subscriber a turn: the floor of throughput for anything with a broker in the middle
//	relay-plain      the relay as Go programs usually have it: a goroutine a connection, net.Conn, reads of 64 KiB:
//	                 the floor of latency and of CPU time at a steady rate
//	relay-usual      the plain relay, with clients on net.Conn and bufio too
//	relay-single     the plain relay, one write a message, publishers too
//
// But for those of relay-usual, clients are the same everywhere: a publisher
// batches, and a subscriber blocks in read(2) on a thread of its own, past the
// netpoller.
//
// A relay loses nothing: when a subscriber does not read, it stops, and everyone
// waits. That is what a broker is for.
package floor
