package e2e

import (
	"slices"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// Outcome is the result of one measurement.
type Outcome struct {
	Sent      uint64  // messages of all publishers
	Due       uint64  // deliveries that should have been made: Sent times the subscribers
	Received  uint64  // deliveries that were made
	Announced uint64  // deliveries that the system has announced as lost
	Disorder  uint64  // deliveries twice, out of order, or of messages that nobody sent
	Rate      float64 // deliveries a second, all subscribers together
	Bandwidth float64 // bytes of payload a second, delivered
	BrokerNs  float64 // CPU time of the broker for each delivery, ns
	SendRate  float64 // messages a second that the publishers got rid of

	Latency  *load.Histogram // of an open loop: from due to received
	Lateness *load.Histogram // of an open loop: from due to sent
	Own      *load.Histogram // of an open loop: what of Lateness is the generator's own fault
	Allocs   float64         // objects allocated for each delivery, in all processes; negative: not known

	Machine     proc.Machine
	Broker      proc.Usage // zero where there is no broker
	Publishers  []proc.Usage
	Subscribers []proc.Usage
}

// Lost returns how many deliveries were not made.
func (o Outcome) Lost() int64 { return int64(o.Due) - int64(o.Received) }

func newOutcome(spec Spec, machine proc.Machine, broker brokerReport, publishers []publisherReport, subscribers []subscriberReport) Outcome {
	o := Outcome{Machine: machine, Broker: broker.Usage}
	for _, p := range publishers {
		o.Sent += p.Sent.Messages
		o.Publishers = append(o.Publishers, p.Usage)
		if h := p.Sent.Lateness; h != nil {
			o.Lateness = merge(o.Lateness, h)
		}
		if h := p.Sent.Own; h != nil {
			o.Own = merge(o.Own, h)
		}
	}
	o.Due = o.Sent * uint64(spec.Subscribers)
	o.SendRate = float64(o.Sent) / (spec.Warmup + spec.Measured).Seconds()
	for _, s := range subscribers {
		o.Received += s.Received.Messages - s.Received.Repeated
		o.Announced += s.Received.Announced
		o.Disorder += s.Received.Repeated + s.Received.Foreign
		o.Rate += s.Received.Rate
		o.Subscribers = append(o.Subscribers, s.Usage)
		if h := s.Received.Latency; h != nil {
			o.Latency = merge(o.Latency, h)
		}
	}
	o.Bandwidth = o.Rate * float64(spec.Size)
	if o.Rate > 0 {
		o.BrokerNs = o.Broker.Cores() / o.Rate * 1e9
	}
	o.Allocs = o.allocsEach(spec)
	return o
}

// allocsEach adds up what all processes have allocated. A system without a broker has a
// usage of it that is zero.
func (o Outcome) allocsEach(spec Spec) float64 {
	made := uint64(0)
	used := slices.Concat(o.Publishers, o.Subscribers)
	if o.Broker.Wall > 0 {
		used = append(used, o.Broker)
	}
	for _, u := range used {
		if u.Allocs == nil {
			return -1
		}
		made += *u.Allocs
	}
	deliveries := o.Rate * spec.Measured.Seconds()
	if o.Latency != nil { // at a low rate the clock is read too rarely for a throughput
		deliveries = float64(o.Latency.Count())
	}
	if deliveries == 0 {
		return -1
	}
	return float64(made) / deliveries
}

// clientNs returns the CPU time of these processes together for each delivery, ns.
func (o Outcome) clientNs(of []proc.Usage) float64 {
	if o.Rate == 0 {
		return 0
	}
	cores := 0.0
	for _, u := range of {
		cores += u.Cores()
	}
	return cores / o.Rate * 1e9
}

func merge(into, h *load.Histogram) *load.Histogram {
	if into == nil {
		into = new(load.Histogram)
	}
	into.Merge(h)
	return into
}
