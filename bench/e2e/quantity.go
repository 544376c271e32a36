package e2e

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/report"
)

// Quantity is a figure that can be taken from an outcome, and held against a target.
type Quantity struct {
	Name string
	Unit string                // of Of, as in the output of a benchmark
	More bool                  // more is better
	Of   func(Outcome) float64 // the figure
	Late func(Outcome) float64 // the part of it that is the generator's lateness; nil: none
	Own  func(Outcome) float64 // the part of Late that is its own fault; nil: none
	Text func(float64) string
}

// Deliveries is the throughput, deliveries a second of all subscribers together.
var Deliveries = Quantity{
	Name: "deliveries/s", Unit: "msg/s", More: true, Of: Rate, Text: func(v float64) string { return report.Count(v) + "/s" },
}

// BrokerCPU is the processor time of the broker, as a share of one core.
var BrokerCPU = Quantity{Name: "broker CPU", Unit: "broker-cores", Of: BrokerCores, Text: report.Percent}

// PauseP99 is the 99th percentile of the pauses of the collector in the broker, ns.
var PauseP99 = Quantity{
	Name: "pause p99", Unit: "pause-p99-ns", Text: nanoseconds,
	Of: func(o Outcome) float64 { return float64(o.Broker.Pauses.P99) },
}

// Allocations are the objects on the heap that all processes together make for each
// delivery.
var Allocations = Quantity{
	Name: "allocations a delivery",
	Unit: "allocs/msg",
	Of:   func(o Outcome) float64 { return o.Allocs },
	Text: func(v float64) string {
		if v < 0 {
			return report.Absent
		}
		return fmt.Sprintf("%.3f", v)
	},
}

// Latency is a quantile of the time from when a message was due to when it came, ns.
func Latency(q float64) Quantity {
	return Quantity{
		Name: "p" + percentile(q), Unit: "p" + percentile(q) + "-ns", Text: nanoseconds,
		Of: LatencyAt(q), Late: LatenessAt(q), Own: OwnLatenessAt(q),
	}
}

func percentile(q float64) string { return fmt.Sprintf("%.4g", q*100) }

func nanoseconds(ns float64) string { return report.Duration(time.Duration(ns)) }

// What is taken from an outcome, for Median and Worst.

// Rate is the deliveries a second.
func Rate(o Outcome) float64 { return o.Rate }

// BrokerCores is the broker's CPU time as a share of one core.
func BrokerCores(o Outcome) float64 { return o.Broker.Cores() }

// LatencyAt returns the function that takes a quantile of the latency, in nanoseconds.
func LatencyAt(q float64) func(Outcome) float64 {
	return func(o Outcome) float64 { return quantile(o.Latency, q) }
}

// LatenessAt returns the function that takes a quantile of the generator's lateness, in
// nanoseconds.
func LatenessAt(q float64) func(Outcome) float64 {
	return func(o Outcome) float64 { return quantile(o.Lateness, q) }
}

// OwnLatenessAt is LatenessAt without the time that the system under test has kept the
// generator.
func OwnLatenessAt(q float64) func(Outcome) float64 {
	return func(o Outcome) float64 { return quantile(o.Own, q) }
}

// quantile is that of a histogram in nanoseconds; 0 where there is none.
func quantile(h *load.Histogram, q float64) float64 {
	if h == nil {
		return 0
	}
	return float64(h.Quantile(q))
}
