// Package hostile is a battery of hostile clients. Each attacks an agent in a process of
// its own, over its socket and with frames made by hand, and the test asserts what the
// agent's promises are worth then:
//
//	memory        its anonymous memory stays within max_memory and 48 MiB, and what it
//	              charges to its clients within max_memory
//	conservation  what was matched was delivered, was dropped or is queued
//	work          what was inflated was inflated once
//	others        another client waits for at most 50 ms, and gets in
//
// The attacks, by file:
//
//	inflate_test.go   messages of a few bytes that inflate to a megabyte: live and retained
//	memory_test.go    conflated topics, caches of topics, slots of queues, patterns and
//	                  filters, eviction with thousands of subscriptions
//	stores_test.go    replays of thousands of topics, values of a thousand owners
//	filter_test.go    globs that look at every message
//	house_test.go     slow handshakes, a house full of idle clients
//
// make test runs a short form of each, which asserts memory, conservation and work: they
// depend on no machine's speed. make soak runs the long forms, and asserts times as well.
// Beside the agent under attack there is another one then, which nobody attacks. The same
// client measures both of them, by an alert to itself each 20 ms. When it waits for more
// than 10 ms without an attack, the machine was too busy, and times are not measurable.
package hostile
