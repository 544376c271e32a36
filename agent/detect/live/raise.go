package live

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// Host is where the agent runs, in alerts on events that do not have it themselves.
type Host struct {
	ID, Name string
	BootID   [16]byte
	Labels   map[string]string
}

// alertOf makes the alert of a detection. count is how many it stands for.
func (r *Runner) alertOf(x *detect.Detection, v event.View, count uint64) *alert.Alert {
	h := x.Head
	a := &alert.Alert{
		Count: count, First: v.Time(), Last: v.Time(),
		Rule: alert.Rule{
			ID: h.ID, Title: h.Title, Description: strings.TrimSpace(h.Description), Level: alert.Level(h.Level), Tags: h.Tags,
			Path: h.File, FalsePositives: h.FalsePositives, References: h.References,
		},
		DedupKey: r.identity.text(x, v),
		FoldFor:  r.settings.foldFor(h),
	}
	r.place(a, v)
	if x.Rule != nil {
		for _, hit := range detect.Matched(x.Rule, v) {
			a.Matched = append(a.Matched, alert.Match{Field: hit.Field, Value: shortened(hit.Value), Selection: hit.Selection})
		}
		if x.Incomplete {
			a.Incomplete = detect.Missing(x.Rule, v)
		}
	}
	if x.Fired != nil {
		r.correlated(a, x.Fired)
	}
	a.Event, a.Context = r.surroundings(v)
	return a
}

// told is an event as alerts have it, with those around it. All alerts of one event share
// it: where 50 rules match, to make it for each of them is most of what they take.
type told struct {
	of      event.View // empty for none
	event   json.RawMessage
	context []json.RawMessage
}

// surroundings returns an event in JSON, and the last events of its process tree.
func (r *Runner) surroundings(v event.View) (json.RawMessage, []json.RawMessage) {
	t := &r.told
	if len(t.of) == 0 || &t.of[0] != &v[0] {
		*t = told{of: v, event: ecs.Append(nil, v)}
		for _, b := range r.recent.around(v, r.settings.Context) {
			t.context = append(t.context, b)
		}
	}
	return t.event, t.context
}

// place fills in the host and its labels.
func (r *Runner) place(a *alert.Alert, v event.View) {
	o, own := v.Origin(), &r.o.Host
	a.Host = alert.Host{ID: o.HostID, Name: o.Host, BootID: bootID(o.BootID)}
	if o.HostID == "" {
		a.Host.ID = own.ID
	}
	if o.Host == "" {
		a.Host.Name = own.Name
	}
	if a.Host.BootID == "" {
		a.Host.BootID = bootID(own.BootID)
	}
	a.Labels = maps.Clone(own.Labels)
	if len(o.Labels) > 0 && a.Labels == nil {
		a.Labels = map[string]string{}
	}
	for _, l := range o.Labels {
		a.Labels[l.Name] = l.Value
	}
}

// correlated fills in what a correlation has counted.
func (r *Runner) correlated(a *alert.Alert, f *window.Fired) {
	a.Correlation, a.First, a.Last = true, f.First, f.Last
	for i, name := range f.Correlation.GroupBy {
		if a.Group == nil {
			a.Group = map[string]string{}
		}
		a.Group[name] = shortened(f.Group[i])
	}
	for _, s := range f.Members {
		m := alert.Member{Rule: s.Name}
		if v := r.recent.find(s.PID, s.StartTicks, s.Sequence, s.Time.UnixNano()); v != nil {
			m.Event = ecs.Append(nil, v)
		} else {
			m.Event = outline(&s)
		}
		a.Members = append(a.Members, m)
	}
	if f.Count > len(f.Members) {
		a.Incomplete = append(a.Incomplete, fmt.Sprintf("of %d events that were counted the last %d are there", f.Count, len(f.Members)))
	}
	if f.Lost {
		a.Incomplete = append(a.Incomplete, "events were lost between the first and the last one")
	}
	if f.Incomplete && !f.Lost {
		a.Incomplete = append(a.Incomplete, "a field of an event that was counted could not be read")
	}
}

// outline is what is left of an event that is not kept any more, in the form of events.
func outline(s *window.Seen) json.RawMessage {
	type object map[string]any
	b, err := json.Marshal(object{
		"@timestamp": s.Time.Format(time.RFC3339Nano), "event": object{"sequence": s.Sequence}, "process": object{"pid": s.PID},
		"daemoneye": object{"start_ticks": s.StartTicks},
	})
	if err != nil {
		panic(err) // maps, texts and numbers
	}
	return b
}

func bootID(id [16]byte) string {
	if id == [16]byte{} {
		return ""
	}
	x := hex.EncodeToString(id[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// maxValue bounds a value beside the event, which has all of it.
const maxValue = 512

func shortened(text string) string {
	if len(text) <= maxValue {
		return text
	}
	return strings.ToValidUTF8(text[:maxValue], "") + "…"
}

// foldFor returns how long repeats of an alert only count.
func (s *Settings) foldFor(h *sigma.Head) time.Duration {
	for _, name := range []string{h.ID, h.Name} {
		if d, ok := s.FoldBy[name]; ok && name != "" {
			return d
		}
	}
	return s.Fold
}
