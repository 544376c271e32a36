// Package frame is the wire format of the event bus: length-prefixed binary
// frames, decoded in place and encoded by appending. PROTOCOL.md beside this file
// describes the format, and what the frames mean, for clients in any language.
//
// It is a codec: pure functions over bytes. It opens no sockets and knows
// neither subscriptions nor policies; those are the packages router and ipc. The
// memory that frames are read into is package buffer's, and JSON package
// strictjson's. It is not a general serialiser, because it has the types of this bus
// and no others, and not a format for storage, because its times mean nothing after
// a boot.
//
// # The parts
//
//   - Next splits bytes into frames; Frame reads and stamps the fields of one
//     where they lie. Reader does the same on an io.Reader.
//   - Append encodes a frame, Template the many frames of one publisher, and
//     AppendControl those without a topic.
//   - Ack, Credit, Stream, Gap, Fault, Hello and Welcome are payloads, each with an
//     Append and a Parse function. Hello, welcome and the specification of a
//     subscription are JSON, which package strictjson reads.
//   - Features names what both sides of a connection can do.
//   - Extension looks into the extension block without a copy; Meta,
//     AppendExtension and ParseMeta are the comfortable way.
//   - Compress and Inflate treat payloads; InflatedLen shows how much memory that
//     takes, before it is taken.
//   - Now is the clock of all times; ClockOffset compares the clocks of two sides.
//   - Code and the Err variables are the faults, on the wire and in Go.
//
// # What was left out
//
// There is one compression. On process events of 1 KiB to 256 KiB zstd makes payloads
// 19 to 47 % smaller than s2, for 4 to 20 times the time of compressing and 1.6 to 9
// times that of inflating; it takes memory that no caller can charge before, and adds
// 280 KB to a program. A bus on one machine has no use for that trade; a program that
// has one compresses its payload itself.
//
// Two things stay that nothing in this repository uses: Extension.LookupKey, because
// a subscriber that looks for one tag would have to parse all of them without it, and
// ContentMsgpack, because the numbers of content types are a register for programs in
// other languages.
//
// # Guarantees
//
//   - Decoding is total. Any bytes give frames or an error: no panic, no read
//     behind the frame, no memory by the peer's wish. The targets in package
//     fuzz try to break this.
//   - What Next accepts, Append writes again byte for byte, from the fields
//     alone (TestVectors, FuzzRoundTrip).
//   - Reading, writing and refusing frames allocates nothing, errors included.
//     The exceptions are ParseHello, ParseWelcome, ParseMeta, and texts
//     (TestNoAllocations).
//   - Inflating takes the memory that InflatedLen returns and no more, whatever the
//     payload claims of itself (TestInflateDamaged, FuzzInflate).
//   - The answer to some bytes does not depend on how many of them have come: a
//     prefix is incomplete, or bad in the same way as the whole.
//
// # What may not be assumed
//
// A Frame borrows the bytes that it was decoded from. Next checks the header
// only: topic and extension are bytes that anybody may have written, until
// CheckTopic, CheckExtension or Frame.Check has seen them. Source and sequence
// are true only in what the broker sent.
//
// # Errors
//
// ErrIncomplete is no fault. All faults are one of the Err variables to
// errors.Is, mostly inside a *DecodeError that names field and offset, and each
// has a Code for the wire. What the other side reports is a *Fault, which is the
// same variable to errors.Is.
package frame
