// Compare measures two commits of this repository side by side, in turn on one
// machine, and shows what became faster and what slower.
//
//	go run ./bench/compare -base v1.0                 this tree beside a tag, six to seven minutes
//	go run ./bench/compare -base v1.0 -rounds 15 -seconds 1
//	go run ./bench/compare -base HEAD                 this tree beside its commit: what the machine alone does
//
// It builds the programs of package bench twice, once of this tree as it is and once of
// a copy of the base. Those of both (bench/roles) play the broker, the publishers and the
// subscribers; the messages, the clock and the judgement are this tree's (packages e2e
// and load). Each figure is measured in turn, floor, base, head, floor, base,
// head, so that a machine that drifts strikes all of them.
//
// # What is shown
//
// The medians of base and head; the median of head / base over the rounds, each
// round's head beside the base that ran just before it; and the range in which that
// median lies with 95 % certainty, as far as so many rounds can show (with less than
// six, the whole range). Where there is a floor, the ratio of each to it.
//
// A figure has fallen when the median of head / base is worse by more than -limit
// (3 %), and else it holds. It is not measurable when
//
//   - it would have fallen, but the range holds 1: more rounds may show the opposite;
//   - it would have fallen, but not without the lateness of the generators;
//   - others took more than a tenth of the machine in half of the rounds or more, and
//     the range lies on both sides of the limit.
//
// The exit status is 1 when a figure has fallen. With -out the table and each round are
// kept; benchstat reads the rounds:
//
//	benchstat -col /side -row .fullname bench/out/compare.txt
//
// # What it needs of the base
//
// A package ./bench whose test program has BenchmarkParts, and a program ./bench/roles
// that plays the roles of package e2e, by the variable, descriptors and messages of
// package proc. Where there is no such program, the test program plays them. That is
// so since commit 8bac1d7, and is kept: see proc.
package main
