// Package performance measures the host at an interval: processors, memory, load,
// pressure, disks, filesystems, network interfaces, and the processes that take most.
//
// # The way of an event
//
//	/proc, /sys, statfs ─► reading ─► difference to the one before ─► events
//	                       read_….go  rates.go                        emit.go
//	                                        └─► limits ─► anomaly, recovered
//	                                            limits.go
//
// A sample is several events, all with the same time: one of the host (utilization), one of
// each process among those that take most processor time or memory (utilization), and one
// of each disk, filesystem and interface (system).
//
// # What is unknown
//
// A figure that could not be read is absent, and so is a rate of the first sample, of a
// counter that went backwards, and of a disk or interface that was not there before. It is
// never 0. Describe returns what this host does not have.
//
// # Limits
//
// A figure that is at or above its limit for a while (Options.Sustain) gives an anomaly,
// with the figure, its limit, and since when; the rest of the sample stands in it. When it
// falls below the limit by a margin (Options.Hysteresis) it has recovered, and that is an
// event too. In between it may cross the limit as often as it likes. A figure that is
// unknown for a sample changes nothing.
//
// # Known limits
//
//   - A peak that is shorter than the interval shows only in averages.
//   - Filesystems without a block device of their own (tmpfs, network filesystems) are
//     left out: to ask a server that is down for its size would block us.
//   - A process that lives shorter than the interval is not among those that take most.
//   - Where procfs hides processes of other users (mount option hidepid) they are not
//     among them either, and open descriptors are known of those only that we may trace.
package performance
