package display

import (
	"cmp"
	"maps"
	"strings"
	"time"
	"unicode/utf8"
)

// isAlert reports whether r is an alert of the agent.
func isAlert(r Record) bool {
	title, _ := r.Field("rule.title")
	level, _ := r.Field("rule.level")
	return title != "" && level != ""
}

// ofAlert returns a message whose columns are those of the event that m is about: when it
// was raised, where, who did it. The title stands before the detail.
func ofAlert(m *Message) *Message {
	r := m.Record
	inner := maps.Clone(r.Inner("event").object)
	if inner == nil {
		inner = map[string]any{}
	}
	inner["@timestamp"] = r.object["raised"]
	inner["host"] = r.object["host"]
	inner["rule"] = r.object["rule"]
	title, _ := r.Field("rule.title")
	x := *m
	x.Record, x.Text = Record{object: inner}, alertDetail(r, title)
	inner["event.category"], inner["event.action"] = "alert", "alert" // so that Text is the detail
	return &x
}

// alertDetail is the title, how often it happened, and the detail of the event.
func alertDetail(r Record, title string) string {
	if n, _ := r.Field("count"); n != "" && n != "1" {
		title += " (" + n + " times)"
	}
	if text := detail(&Message{Record: r.Inner("event")}); text != "" {
		title += ": " + text
	}
	return title
}

func levelColour(level string) string {
	switch level {
	case "critical", "high":
		return red
	case "medium":
		return yellow
	}
	return blue
}

// Widths of the columns of AlertLine.
const (
	idWidth    = 8
	levelWidth = 8
	stateWidth = 8
)

// AlertLine writes an alert in a line: the end of its id, when it was raised, level, status,
// how often, title, who did it, and the detail that matters. Width is what the line may have
// in characters; 0 does not cut it.
func AlertLine(r Record, width int, colour bool) string {
	id, _ := r.Field("id")
	raised, _ := r.Field("raised")
	at := strings.Repeat(" ", len("01-02 15:04:05"))
	if t, err := time.Parse(time.RFC3339Nano, raised); err == nil {
		at = t.Local().Format("01-02 15:04:05")
	}
	level, _ := r.Field("rule.level")
	style := levelColour(level)
	if level == "informational" {
		level = "info"
	}
	state, _ := r.Field("status")
	if state == "acknowledged" {
		state = "acked"
	}
	if silenced, _ := r.Field("silenced"); silenced != "" && state == "open" {
		state = "silenced"
	}
	count, _ := r.Field("count")
	count += "x"
	if count == "1x" {
		count = ""
	}
	title, _ := r.Field("rule.title")
	event := r.Inner("event")
	what := Clean(title)
	if who := actor(event, maxWho); who != "" {
		what += ": " + who
	}
	if text := detail(&Message{Record: event}); text != "" {
		what += " " + Clean(text)
	}
	level = pad(cut(Clean(level), levelWidth), levelWidth)
	head := pad(cut(Clean(id[max(0, len(id)-idWidth):]), idWidth), idWidth) + " " + at + " "
	rest := " " + pad(cut(Clean(state), stateWidth), stateWidth) + " " + pad(cut(Clean(count), 5), 5) + " " + what
	if width > 0 {
		rest = cut(rest, width-utf8.RuneCountInString(head)-levelWidth)
	}
	if colour {
		level = cmp.Or(style, plain) + level + plain
	}
	return strings.TrimRight(head+level+rest, " ")
}
