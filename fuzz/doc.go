// Package fuzz holds the fuzz targets of the project, each for one decoder that
// reads what others wrote. Nothing imports it.
//
// The targets are in files of this package itself and not of an external test
// package: the go command builds external test packages without the fuzzer's
// instrumentation, and what is inlined into them is invisible to it.
//
//   - FuzzDecode: any bytes as a stream of frames. Decoding never panics, reads
//     past a frame or writes; a frame that Check accepts is written again byte
//     for byte; prefixes are incomplete or bad in the same way.
//   - FuzzRoundTrip: any fields. What Append accepts comes back as it was, and
//     templates and stamps write the same bytes.
//   - FuzzInflate: any bytes as a compressed payload. What comes out is as long as
//     InflatedLen returns, at most as allowed, and takes memory of that size.
//   - FuzzCompress: any payload. It comes back as it was, or is not compressed.
//   - FuzzEnvelope: any bytes as a request for an operation and as an answer. What is
//     taken is the same when written and read again, and the rest gets an answer that
//     its sender can read.
//   - FuzzStrictJSON: any bytes as hello, welcome or subscribe. encoding/json reads what
//     is taken in the same way; what is refused is refused in words of the protocol.
//   - FuzzEventParse: any bytes as an event of the agent. What is taken can be read
//     in every field, gives valid JSON, and survives being built again.
//   - FuzzEventConvert: any JSON as a foreign event. What is taken is an event within
//     its bound, and its own JSON converts to the same.
//   - FuzzEventText: any text in an event. It comes back whole, or cut at its bound.
//   - FuzzSigmaParse: any text as detection rules. It gives rules or problems, and a rule
//     that is taken can be evaluated.
//   - FuzzSigmaEngine: any rules and any texts in an event. The engine finds the rules
//     that match by their meaning.
//   - FuzzAlertJournal: any bytes as a segment of the journal of alerts. It opens, what is
//     whole in it stays, and what is appended has a number of its own.
//   - FuzzRedact: any bytes as what leaves the host. JSON stays JSON with the same
//     structure, and lists what was replaced in it.
//   - FuzzSigmaSubstrings: any words and any text. The rules for them match where an
//     Aho-Corasick automaton finds them, by their meaning and in the engine.
//   - FuzzSigmaPattern: any value with wildcards and any text. Rule and engine match where
//     a definition of a few lines does.
//   - FuzzSigmaFold: any two texts. One is found as the value of the other where
//     strings.EqualFold has them for the same.
//   - FuzzSigmaCondition: any text as a condition. It is read where a second reader of the
//     grammar reads it, and means the same.
//   - FuzzPattern: any text as pattern and topic. Parser, matcher and coverage show what
//     a naive second version of their definitions shows.
//   - FuzzConfig: any text as a configuration file. What is refused has a bounded list
//     of mistakes; what is taken is the same after it was written and read again.
//   - FuzzSession: any bytes into a server, before or after a handshake. It ends the
//     connection, its counts add up, and another client does not notice.
//
// Seeds lie under testdata/fuzz and run with every go test. To search for more, one
// target a run:
//
//	go test -run '^$' -fuzz '^FuzzDecode$' -fuzztime 1000000x -fuzzminimizetime 1000x ./fuzz
//
// make fuzz does that with all of them, 200,000 inputs each. A number of inputs is surer
// than a time: before Go 1.27 a time that runs out may fail a target that has nothing
// wrong (go.dev/issue/75804). The bound on minimising is worth having: without it a target with pools or sockets beneath it,
// whose coverage varies a little from run to run, spends up to a minute on making each
// new input smaller.
package fuzz
