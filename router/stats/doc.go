// Package stats counts for a broker: totals, what happened in the last minute, and a
// histogram of latencies.
package stats
