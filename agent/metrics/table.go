package metrics

import (
	"maps"
	"slices"

	"github.com/daemoneye/eventbus/agent/control"
)

// namespace begins the names of all metrics.
const namespace = "daemoneye_"

// metric is one row of the table: what is shown, and where it stands in the status.
type metric struct {
	name, help string
	kind       string
	label      string // of all its samples; empty for none
	samples    func(*control.Status) []sample
}

// sample is one value, with the value of the label.
type sample struct {
	label string
	value float64
}

const (
	counter = "counter"
	gauge   = "gauge"
)

// table has all metrics but the latency. No label has a value that a client chooses,
// because each value is kept by who collects it.
var table = []metric{
	{"build_info", "The version of the agent, which is 1.", gauge, "version", func(s *control.Status) []sample { return []sample{{s.Version, 1}} }},
	{"agent_state", "The state of the agent: 1 for the one that it is in.", gauge, "state", agentStates},
	{"health_state", "The health of each part: 0 healthy, 1 degraded, 2 unhealthy.", gauge, "part", healthStates},
	{"published_messages_total", "Messages that were published.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.Published })},
	{"published_bytes_total", "Bytes of messages that were published.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.PublishedByte })},
	{"matched_messages_total", "Messages that matched a subscription, once for each.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.Matched })},
	{"delivered_messages_total", "Messages that were delivered, once for each subscription.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.Delivered })},
	{"dropped_messages_total", "Messages that subscriptions lost, by reason.", counter, "reason", func(s *control.Status) []sample { return byName(s.Broker.DroppedBy) }},
	{"queued_messages", "Messages that wait for their subscribers.", gauge, "", one(func(s *control.Status) uint64 { return s.Broker.Queued })},
	{"deepest_queue_messages", "Messages in the longest queue of a subscription.", gauge, "", one(deepest)},
	{"handed_over_messages_total", "Messages that went on to another member of a queue group.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.HandedOver })},
	{"refused_frames_total", "Frames and requests that the broker refused, by error code.", counter, "code", func(s *control.Status) []sample { return byName(s.Broker.Refused) }},
	{"requests_total", "Requests that were routed.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.Requests })},
	{"requests_without_responder_total", "Requests to targets that nobody served.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.NoResponder })},
	{"late_replies_total", "Replies that came after their request had ended.", counter, "", one(func(s *control.Status) uint64 { return s.Broker.LateReplies })},
	{"open_requests", "Requests that wait for an answer.", gauge, "", one(func(s *control.Status) uint64 { return uint64(s.Broker.OpenRequests) })},
	{"clients", "Clients that are connected, beside the agent's own.", gauge, "", one(clients)},
	{"max_clients", "Clients that may be connected.", gauge, "", one(func(s *control.Status) uint64 { return uint64(s.MaxConnections) })},
	{"subscriptions", "Subscriptions of all clients and of the agent.", gauge, "", one(func(s *control.Status) uint64 { return uint64(len(s.Broker.Subscriptions)) })},
	{"topics", "Topics whose routes are known.", gauge, "", one(func(s *control.Status) uint64 { return uint64(s.Broker.Topics) })},
	{"retained_messages", "Messages that are kept as the last of their topic.", gauge, "", one(func(s *control.Status) uint64 { return uint64(s.Broker.Retained) })},
	{"memory_bytes", "Memory that the broker keeps for its clients, by use.", gauge, "use", func(s *control.Status) []sample { return byName(s.Broker.Charged) }},
	{"max_memory_bytes", "Memory that the broker may keep for its clients.", gauge, "", one(func(s *control.Status) uint64 { return uint64(s.Broker.MaxBufferBytes) })},
	{"collector_up", "Whether a collector runs and has registered.", gauge, "collector", byCollector(up)},
	{"collector_restarts_total", "Restarts of a collector.", counter, "collector", byCollector(func(c *control.CollectorStatus) (float64, bool) { return float64(c.Restarts), true })},
	{"collector_filtered_events_total", "Events that a collector has left out because its configuration says so.", counter, "collector", byCollector(func(c *control.CollectorStatus) (float64, bool) { return float64(c.Filtered), true })},
	{"collector_cpu_ratio", "Share of one core that a collector takes.", gauge, "collector", byCollector(cpu)},
	{"collector_resident_memory_bytes", "Resident memory of a collector.", gauge, "collector", byCollector(resident)},
	{"alerts_kept", "Alerts that are kept on the disk.", gauge, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Kept) })},
	{"alerts_journal_bytes", "Size of the journal of alerts.", gauge, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Bytes) })},
	{"alerts_waiting_lines", "Lines about alerts that wait in memory for the disk.", gauge, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Waiting) })},
	{"alerts_folds", "Alerts that count their repeats.", gauge, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Folds) })},
	{"alerts_evicted_folds_total", "Alerts that had to stop counting repeats for want of room.", counter, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Evicted) })},
	{"alerts_excess_total", "Alerts beyond what their rule may raise, which count in another one.", counter, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Bursts) })},
	{"alerts_dropped_total", "Alerts that found no room in memory while the disk could not be written.", counter, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Dropped) })},
	{"alerts_lost_lines", "Lines of the journal of alerts that are damaged or missing.", gauge, "", ofAlerts(func(a *control.AlertStore) float64 { return float64(a.Lost) })},
	{"detection_rules", "Rules and correlations that are loaded, by whether they can match here.", gauge, "state", detectionRules},
	{"detection_rule_mistakes", "Mistakes in files of rules, each of which leaves a rule out.", gauge, "", detected(func(d *control.Detection) float64 { return float64(d.Rules.Errors) })},
	{"detection_events_total", "Events that rules were run on.", counter, "", detected(func(d *control.Detection) float64 { return float64(d.Events) })},
	{"detection_matches_total", "Rules and correlations that were found in events.", counter, "", detected(func(d *control.Detection) float64 { return float64(d.Matches) })},
	{"detection_alerts_total", "Alerts that detection handed on, repeats of a second as one.", counter, "", detected(func(d *control.Detection) float64 { return float64(d.Alerts) })},
	{"detection_lost_events_total", "Events that the queue of detection dropped.", counter, "", detected(func(d *control.Detection) float64 { return float64(d.Lost) })},
	{"detection_forged_events_total", "Events that claimed the type of another collector.", counter, "", detected(func(d *control.Detection) float64 { return float64(d.Forged) })},
	{"detection_lag_seconds", "Time from publishing an event to running rules on it, of the last one of a sample.", gauge, "", detected(func(d *control.Detection) float64 { return d.Lag.Seconds() })},
	{"detection_window_bytes", "Memory of the windows of correlations.", gauge, "", detected(func(d *control.Detection) float64 { return float64(d.Windows.Bytes) })},
	{"detection_window_evictions_total", "Groups and matches of correlations that were forgotten for want of room.", counter, "", detected(func(d *control.Detection) float64 { return float64(d.Windows.EvictedGroups + d.Windows.EvictedEntries) })},
	{"detection_rule_seconds", "Mean time an event of the rules that take most, of a sample.", gauge, "rule", ruleCosts},
	{"output_sent_total", "Alerts and messages that the receiver of an output has taken.", counter, "output", outputs(func(o *control.OutputStatus) uint64 { return o.Alerts + o.Messages })},
	{"output_failures_total", "Attempts of an output that failed.", counter, "output", outputs(func(o *control.OutputStatus) uint64 { return o.Failures })},
	{"output_lost_total", "What an output could not send before it fell out of the journal or the bus, and what the receiver refused.", counter, "output", outputs(func(o *control.OutputStatus) uint64 { return o.Missed + o.Lost + o.Refused })},
	{"output_lag_lines", "Lines of the alert journal between an output and the last record.", gauge, "output", outputs(func(o *control.OutputStatus) uint64 { return o.Lag })},
	{"output_state", "How an output is: 0 healthy, 1 degraded, 2 unhealthy.", gauge, "output", outputs(func(o *control.OutputStatus) uint64 { return uint64(o.Health.State) })},
	{"reloads_waiting_keys", "Keys of the configuration whose new value waits for a restart.", gauge, "", one(func(s *control.Status) uint64 { return uint64(len(s.RestartFor)) })},
}

// one makes the samples of a metric without a label.
func one(value func(*control.Status) uint64) func(*control.Status) []sample {
	return func(s *control.Status) []sample { return []sample{{"", float64(value(s))}} }
}

func byName[T uint64 | int64](m map[string]T) (all []sample) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, sample{name, float64(m[name])})
	}
	return all
}

func agentStates(s *control.Status) (all []sample) {
	for _, state := range []control.AgentState{control.Loading, control.Ready, control.Steady, control.StartupFailed, control.ShuttingDown} {
		x := sample{string(state), 0}
		if state == s.Agent.State {
			x.value = 1
		}
		all = append(all, x)
	}
	return all
}

func healthStates(s *control.Status) (all []sample) {
	for _, name := range slices.Sorted(maps.Keys(s.Parts)) {
		all = append(all, sample{name, float64(s.Parts[name].State)})
	}
	return all
}

func deepest(s *control.Status) (n uint64) {
	for i := range s.Broker.Subscriptions {
		n = max(n, uint64(s.Broker.Subscriptions[i].Queued))
	}
	return n
}

func clients(s *control.Status) (n uint64) {
	for i := range s.Broker.Clients {
		if s.Broker.Clients[i].PID != 0 {
			n++
		}
	}
	return n
}

// byCollector makes a sample of each collector for which the value is known.
func byCollector(value func(*control.CollectorStatus) (float64, bool)) func(*control.Status) []sample {
	return func(s *control.Status) (all []sample) {
		for i := range s.Collectors {
			if v, ok := value(&s.Collectors[i]); ok {
				all = append(all, sample{s.Collectors[i].Name, v})
			}
		}
		return all
	}
}

func up(c *control.CollectorStatus) (float64, bool) {
	if c.State == control.CollectorRunning {
		return 1, true
	}
	return 0, true
}

func cpu(c *control.CollectorStatus) (float64, bool) {
	if c.Usage == nil || c.Usage.CPUPercent == nil {
		return 0, false
	}
	return *c.Usage.CPUPercent / 100, true
}

func resident(c *control.CollectorStatus) (float64, bool) {
	if c.Usage == nil || c.Usage.RSS == nil {
		return 0, false
	}
	return float64(*c.Usage.RSS), true
}
