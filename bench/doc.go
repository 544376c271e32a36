// Package bench measures the bus beside floors that are measured in the same run.
//
//	make bench-claim                       10,000 msg/s and less than 1 ms alone, in less than a minute
//	make bench                             everything; bench/out/report.md has tables and plots
//	make bench-compare BASE=<commit>       this tree beside another commit (bench/compare)
//	go test -run '^$' -bench . -count 3 -benchtime 2s -timeout 2h ./bench
//	go test -run '^$' -bench Throughput/pubs=1/subs=4 ./bench
//	go test -run '^$' -bench . -benchtime 1x ./bench     each briefly, to see that it runs
//
// -count is the number of rounds: each measurement is repeated so often, in turn
// with those that it is compared with. -benchtime is the length of one measurement.
// While it runs, lines that begin with # show what is done of how many.
// BENCH_REPORT=dir writes dir/report.md with its plots, and dir/bench.txt.
//
// # Reading it with benchstat
//
// Every line of the output, and of bench.txt, is one round of one system. Its name
// has keys and values, and no unit holds the name of a system, so benchstat sets
// systems, sizes or numbers of subscribers side by side:
//
//	benchstat -col /system -row /size,/pubs,/subs -filter '.name:Throughput' bench/out/bench.txt
//	benchstat -col /budget -row /size -filter '.name:BudgetStreams' bench/out/bench.txt
//	benchstat -filter '/system:daemoneye' before/bench.txt bench/out/bench.txt
//
// (go run golang.org/x/perf/cmd/benchstat@latest). It needs six rounds for a
// confidence interval. Two runs, one after the other, differ by what the machine did
// meanwhile: two commits are better compared by make bench-compare, which measures
// them in turn.
//
// # Verdicts
//
// A figure that has a target is met, missed or not measurable. Two things are
// measured beside each figure, and decide that:
//
//   - Others: the share of the machine that was busy meanwhile for other processes,
//     or was taken by the hypervisor. It is the busy time of /proc/stat without the
//     CPU time of the processes that took part, less one tick a core, in which the
//     kernel counts. A round is crowded when others had more than a tenth of the
//     machine. Where /proc/stat can't be read, others are unknown, and no round is
//     crowded.
//   - Lateness: how late the generator of an open loop was by itself, without the
//     time that the system under test kept it in a call.
//
// A target for a figure by itself is met when the median meets it: a crowded machine
// and a late generator make figures worse, and never better. It is not measurable
// when it is missed, but half of the rounds or more were crowded, or the figure
// without the generator's lateness at the same percentile would meet it. A target
// for a ratio is not measurable when half of the rounds of either side or more were
// crowded, or when the ratio without the lateness would have the other verdict.
// Memory and allocations do not depend on the load, and losses within a window are
// always a miss.
//
// # What makes a measurement fair
//
// Each of these was wrong somewhere in published figures of message brokers, and
// each moves the result by more than the difference that one wants to see.
//
//  1. Parts are processes. A publisher and a subscriber in the broker's process
//     share its scheduler and heap, and pass messages without a wake-up; nobody uses
//     a broker in that way. Broker, publishers and subscribers here are processes of
//     their own (package proc), and those of the broker have no more in them than it needs
//     (bench/roles).
//  2. An open loop for latency. A generator that waits for an answer before it sends
//     again sends nothing while the system stands still, and so leaves out just the
//     worst latencies ("coordinated omission"). Here messages are due at fixed
//     times, and latency counts from when a message was due, not from when it could
//     be sent.
//  3. The generator measures itself. When it is late because the machine was busy,
//     that time is in the latency too. Its own lateness is printed beside each
//     latency. A tail no longer than the lateness is the machine's.
//  4. A bounded window for throughput, and nothing lost. Without a bound one
//     measures how fast messages can be thrown away. The acknowledgements that keep
//     the window go straight from subscriber to publisher, past the system, by the
//     same code for every system. Loss is counted from sequence numbers, not from
//     what the system reports of itself, and printed.
//  5. The same payload for all. Messages of the floors carry the same bytes with the
//     same stamp, and their receivers look at each.
//  6. A floor of the same run. Absolute figures of shared machines drift by 40 %
//     within an hour. What holds is the ratio to what a bare socket does in the same
//     minute, so each line has one. Throughput is compared with the fastest relay
//     that we can write, latency and CPU time with the relay that one usually writes
//     (package floor).
//  7. In turn, and medians. A B A B, not A A B B, or a busy neighbour strikes only
//     one of them.
//  8. Warm-up is left out, and so is the end: counting stops when the publishers do,
//     not when the queues have drained.
//  9. Whole distributions. Averages hide what one looks for. Histograms are merged
//     across processes, percentiles are never averaged within a run; what is taken
//     over rounds is the median of a percentile.
//  10. Cost is part of the result. A broker that spins has a fine latency. CPU time
//     of its process is printed beside it, and for how long its collector stopped
//     the world.
//  11. Machine, kernel, Go version and commit stand above the figures.
//
// What it does not do: it pins no thread to a core, and does not quiet the machine.
// On two cores three processes compete, and that competition is part of every
// figure, the floor's too. It never leaves the host.
package bench
