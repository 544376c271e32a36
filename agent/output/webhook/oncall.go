package webhook

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
)

// Here are the forms of receivers that keep a state for each alert.

var pagerDutySeverities = map[alert.Level]string{
	alert.Informational: "info", alert.Low: "info", alert.Medium: "warning", alert.High: "error", alert.Critical: "critical",
}

// maxDetails is how large the body may be that PagerDuty gets whole: it takes 512 KiB.
const maxDetails = 400 << 10

func pagerDuty(items []output.Item, k *Sink) ([]byte, error) {
	it := &items[0]
	s := format.Summarize(it)
	event := object{"routing_key": k.secret, "event_action": "trigger", "client": "daemoneye", "dedup_key": it.ID}
	if s.AlertID != "" {
		event["dedup_key"] = s.AlertID
	}
	switch s.Change {
	case alert.KindAcknowledged:
		event["event_action"] = "acknowledge"
	case alert.KindClosed:
		event["event_action"] = "resolve"
	}
	details := any(json.RawMessage(it.Body))
	if len(it.Body) > maxDetails {
		details = s.Detail()
	}
	source := s.Host
	if source == "" {
		source = "daemoneye"
	}
	event["payload"] = object{
		"summary": format.Cut(s.Headline()+" on "+source, 1000), "source": source, "severity": pagerDutySeverities[s.Level],
		"timestamp": s.Time.UTC().Format(time.RFC3339Nano), "class": s.RuleID, "custom_details": details,
	}
	return alert.Marshal(event)
}

func alertmanager(items []output.Item, _ *Sink) ([]byte, error) {
	all := make([]object, len(items))
	for i := range items {
		s := format.Summarize(&items[i])
		// Labels state which alert it is: only what each record about it has.
		labels := map[string]string{"alertname": s.Title, "severity": s.Level.String(), "instance": s.Host, "rule_id": s.RuleID, "alert_id": s.AlertID}
		notes := map[string]string{"summary": s.Headline(), "description": s.Description, "detail": s.Detail(), "tags": strings.Join(s.Tags, " ")}
		for name, value := range s.Labels {
			notes[labelName(name)] = value
		}
		for _, m := range []map[string]string{labels, notes} {
			maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
		}
		all[i] = object{"labels": labels, "annotations": notes, "startsAt": s.Time.UTC().Format(time.RFC3339Nano)}
		if s.Change == alert.KindClosed {
			all[i]["endsAt"] = items[i].Time.UTC().Format(time.RFC3339Nano)
		}
	}
	return alert.Marshal(all)
}

// labelName returns a name that an annotation may have.
func labelName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
			return r
		}
		return '_'
	}, "label_"+name)
}
