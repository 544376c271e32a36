package display

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"
)

// Lines writes one line for each record: time, host, what happened, who did it, and
// the detail that matters. One goroutine at a time.
type Lines struct {
	// Width is what a line may have in characters; 0 does not cut it.
	Width int
	// Colour marks what happened.
	Colour bool

	host, who int // widths so far, so that columns stand below each other
}

// Message is what was published.
type Message struct {
	Topic  string
	Time   time.Time // when it was published
	Text   string    // the payload for a person, where Record has no fields that show more
	Record Record
}

// Bounds of the columns; what is longer is cut.
const (
	maxHost = 12
	what    = 8
	maxWho  = 24
)

// Line returns the line of m, without its end.
func (l *Lines) Line(m *Message) string {
	r := m.Record
	at := m.Time
	if isAlert(r) {
		m = ofAlert(m)
		r = m.Record
	}
	if text, ok := r.Field("@timestamp"); ok {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			at = t
		}
	}
	name, _ := r.Field("host.name")
	host, who := cut(Clean(cmp.Or(name, "-")), maxHost), cmp.Or(actor(r, maxWho), "-")
	l.host = max(l.host, utf8.RuneCountInString(host))
	l.who = max(l.who, utf8.RuneCountInString(who), 16)
	action, style := happened(m)
	action = pad(cut(Clean(action), what), what)
	head := at.Local().Format("15:04:05.000") + " " + pad(host, l.host) + " "
	rest := " " + pad(who, l.who) + " " + Clean(detail(m))
	if l.Width > 0 {
		rest = cut(rest, l.Width-len("15:04:05.000 ")-l.host-1-what)
	}
	if l.Colour && style != "" {
		action = style + action + plain
	}
	return strings.TrimRight(head+action+rest, " ")
}

// Colours, as terminals obey them.
const (
	plain  = "\x1b[0m"
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	blue   = "\x1b[34m"
	faint  = "\x1b[2m"
)

// happened names what happened in a word, and its colour.
func happened(m *Message) (word, style string) {
	action, _ := m.Record.Field("event.action")
	category, _ := m.Record.Field("event.category")
	switch {
	case strings.HasPrefix(m.Topic, "alerts."):
		if level, ok := m.Record.Field("rule.level"); ok {
			return level, levelColour(level)
		}
		return "ALERT", red
	case action == "gap":
		return "GAP", yellow
	case action == "":
		return m.Topic[strings.LastIndexByte(m.Topic, '.')+1:], ""
	case action == "exit":
		if code, _ := m.Record.Field("process.exit_code"); code != "" && code != "0" {
			return action, red
		}
		return action, faint
	case action == "snapshot":
		return action, faint
	case category == "process":
		return action, green
	}
	return action, blue
}

// actor is USER NAME[PID], as far as that is known, in most characters at most. The name
// is cut rather than the pid.
func actor(r Record, most int) string {
	pid, _ := r.Field("process.pid")
	name, _ := r.Field("process.name")
	user, ok := r.Field("user.name")
	if !ok {
		user, _ = r.Field("user.id")
	}
	who, id := Clean(strings.TrimSpace(user+" "+name)), ""
	if pid != "" && pid != "0" {
		id = cut(Clean("["+pid+"]"), most/2)
	}
	return cut(who, most-utf8.RuneCountInString(id)) + id
}
