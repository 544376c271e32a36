// Package event is the binary form of what the agent observes: one event is
// one payload on the bus.
//
// An event is laid out by hand (see layout.go): a fixed part with the numbers,
// a table of offsets, and a heap with the text. A producer appends it to a
// buffer of its own; a reader checks the bytes once with [Parse] and then reads
// single fields in place. A rule that looks at two fields decodes two fields.
// Neither side allocates. JSON is made at the edges only, by [AppendJSON].
//
// # What holds
//
//   - [Parse] is total: any bytes give a [View] or an error, never a panic, and
//     no accessor of a View that Parse returned can read outside of it.
//   - Text is bounded when an event is built: a command line keeps its first
//     [MaxCommandLine] bytes and says so with [CommandLineTruncated], paths keep
//     [MaxPath]. The builders cannot fail.
//   - Events outlive versions of the agent. Within version 1 a newer producer may
//     add numbers behind the fixed part and text behind the table's known
//     entries; readers skip what they do not know, and read what an older
//     producer did not write as absent.
//   - A process is identified by boot id, pid and start ticks together. The pid
//     alone is not a key: the kernel uses it again.
//   - What could not be read is said, not guessed: see [Flags].
//
// # What may not be assumed
//
// Text is what the kernel gave: bytes, mostly UTF-8, chosen by the process that
// is observed. Treat it as hostile; [AppendJSON] escapes control characters and
// replaces what is not UTF-8. Wall time may jump; order events of one source by
// sequence, and measure with the monotonic time.
//
// # Losses
//
// What the kernel could not deliver is itself an event, a [Gap], with the number
// of lost records where the kernel tells it.
package event
