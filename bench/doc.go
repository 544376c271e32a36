// Package bench measures the bus, beside floors that are measured in the same run.
//
//	go test -run '^$' -bench . ./bench/...            every benchmark, briefly
//	go test -run '^$' -bench . -benchtime 1x ./bench/...   each once, to see that it runs
//	BENCH_REPORT=out BENCH_ROUNDS=3 BENCH_SECONDS=2 go test -run '^$' -bench . -timeout 1h ./bench
//
// The last one writes out/report.md with tables and plots. BENCH_ROUNDS is how often each measurement is repeated, in turn
// with those that it is compared with; figures are the medians. BENCH_SECONDS is how long each one measures.
//
// # What makes a measurement fair
//
// Each of these was wrong somewhere in published figures of message brokers, and each moves the result by more than the difference that
// one wants to see.
//
//  1. Parts are processes. A publisher and a subscriber in the broker's process share its scheduler and heap, and pass messages
//     without a wake-up; nobody uses a broker so. Broker, publishers and subscribers here are processes of their own (package proc).
//  2. An open loop for latency. A generator that waits for an answer before it sends again sends nothing while the system
//     stands still, and so leaves out just the worst latencies ("coordinated omission"). Here messages are due at fixed
//     times, and latency counts from when a message was due, not from when it could be sent.
//  3. The generator tells on itself. When it is late, because the machine was busy, that time is in the latency too. Its own
//     lateness is printed beside each latency. A tail no longer than the lateness is the machine's.
//  4. A bounded window for throughput, and nothing lost. Without a bound one measures how fast messages can be thrown away. The
//     acknowledgements that keep the window go straight from subscriber to publisher, past the system, by the same code
//     for every system. Loss is counted from sequence numbers, not from what the system says of itself, and printed.
//  5. The same payload for all. Messages of the floors carry the same bytes with the same stamp, and their receivers look at each.
//  6. A floor of the same run. Absolute figures of shared machines drift by 40 % within an hour. What holds is the ratio to what a
//     bare socket does in the same minute, so each line has one. Throughput is compared with the fastest relay that we
//     can write, latency and CPU time with the relay that one usually writes (package floor).
//  7. In turn, and medians. A B A B, not A A B B, or a busy neighbour strikes only one of them.
//  8. Warm-up is left out, and so is the end: counting stops when the publishers do, not when the queues have drained.
//  9. Whole distributions. Averages hide what one looks for. Histograms are merged across processes, percentiles are never
//     averaged within a run; what is taken over rounds is the median of a percentile.
//  10. Cost is part of the result. A broker that spins has a fine latency. CPU time of its process is printed beside it, and for how long its
//     collector stopped the world.
//  11. Machine, kernel, Go version and commit stand above the figures.
//
// What it does not do: it pins no thread to a core, and does not quiet the machine. On two cores three processes compete, and that
// competition is part of every figure, the floor's too. It never leaves the host.
package bench
