// Package event is the binary form of what the agent observes: one event is one
// payload on the bus.
//
// An event is laid out by hand (LAYOUT.md): a head with the numbers that each one
// has, a block that shows where it is from, a block that shows who acted, and a
// body by type. A producer appends it to a buffer of its own. A reader checks the
// bytes once with [Parse] and then reads single fields in place. A rule that
// looks at two fields decodes two fields. Neither side allocates. JSON is made at
// the edges only, by package ecs.
//
// # One table
//
// Every field stands in one place: a row with its names in the Elastic Common
// Schema and in Sigma, its kind, where it lies, the flags of one that could not be
// read, and one line of documentation. The rows of each block stand beside the
// struct that it is built from: head.go, origin.go, actor.go, and one file for
// the body of each type. Builder, bounds, look-up, copy, JSON, LAYOUT.md and the
// command "fields" follow them.
//
//	a rule is loaded     [FieldByName] finds a field by name, once
//	an event comes       [View.Text], [View.Uint], [View.Len] read it, 0 allocations
//	a collector builds   [Append] from an [OriginBlock] and an [ActorBlock] that it has
//	                     encoded before, or [Event.Append] from scratch
//	others' events       ecs.Convert, or a [Draft] for other forms than JSON
//
// # What holds
//
//   - [Parse] is total: any bytes give a [View] or an error, never a panic, and
//     no method of a View that Parse returned can read outside of it
//     (FuzzEventParse).
//   - Text is bounded when an event is built, and flags show what was cut. The
//     builders cannot fail.
//   - Events outlive versions of the agent: see "What may change" in LAYOUT.md.
//     Version 1 is read.
//   - A process is identified by boot id, pid and start ticks together. The pid
//     alone is not a key, because the kernel uses it again.
//   - What could not be read is named by a flag, not guessed: see [Flags]. To a
//     rule such a field is absent, and [View.Unread] shows why.
//
// # What may not be assumed
//
// Text is what the kernel gave: bytes, mostly UTF-8, chosen by the process that
// is observed. Treat it as hostile. Wall time may jump: order events of one
// source by sequence, and measure with the monotonic time. Ancestors are those of
// the moment when the process began. A copy does not tell an empty text from one
// that is not there.
//
// # Losses
//
// What the kernel could not deliver is itself an event, a [Gap], with the number
// of lost records where that is known.
package event
