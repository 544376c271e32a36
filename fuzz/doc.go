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
//   - FuzzInflate: any bytes as a compressed payload. Nothing comes out that is
//     larger than allowed, and nothing is allocated for it.
//   - FuzzCompress: any payload. It comes back as it was, or is not compressed.
//
// Seeds lie under testdata/fuzz and run with every go test. To search for more:
//
//	go test -run '^$' -fuzz '^FuzzDecode$' -fuzztime 1m -fuzzminimizetime 1s ./fuzz
//
// Without the bound on minimising, a target with pools beneath it, whose coverage
// varies a little from run to run, spends most of its time on that.
package fuzz
