package syslog

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
)

// element is the name of our structured element.
const element = "daemoneye@32473"

// facilities are the codes of RFC 5424.
var facilities = map[string]uint8{
	"user": 1, "daemon": 3, "auth": 4, "authpriv": 10,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// severity returns the code of RFC 5424 for what the item is about.
func severity(it *output.Item) uint8 {
	switch it.Level {
	case alert.Critical:
		return 2
	case alert.High:
		return 3
	case alert.Medium:
		return 4
	case alert.Low:
		return 5
	}
	return 6
}

var kinds = map[output.Kind]string{
	output.KindAlert: "alert", output.KindUpdate: "update", output.KindMessage: "message", output.KindNotice: "notice",
}

// encode returns the message of an item, of at most limit bytes: a body that is larger is
// replaced by the line for people, because a part of a JSON object is of no use.
func (s *Sink) encode(it *output.Item, limit int) string {
	body := s.o.Line(it)
	text := s.message(it, string(body))
	if limit > 0 && len(text) > limit {
		line := string(format.Text(it))
		over := len(text) - len(body) + len(line) - limit
		text = s.message(it, format.Cut(line, len(line)-max(over, 0)))
	}
	return text
}

func (s *Sink) message(it *output.Item, text string) string {
	b := make([]byte, 0, 512+len(text))
	b = fmt.Appendf(b, "<%d>1 %s %s daemoneye %d %s [%s", facilities[s.o.Facility]*8+severity(it),
		it.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), cmp.Or(word(s.o.Host, 255), "-"), s.o.PID, kinds[it.Kind], element)
	b = parameter(b, "id", it.ID)
	b = parameter(b, "topic", it.Topic)
	if it.Seq > 0 {
		b = parameter(b, "seq", strconv.FormatUint(it.Seq, 10))
	}
	if it.Level > 0 {
		b = parameter(b, "level", it.Level.String())
	}
	b = append(b, "] "...)
	return string(append(b, text...)) // any text may stand there
}

// escapes are what a parameter's value must not have as it is.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`)

// parameter appends a parameter of a structured element.
func parameter(b []byte, name, value string) []byte {
	return fmt.Appendf(b, ` %s="%s"`, name, escapes.Replace(strings.ToValidUTF8(value, "\uFFFD")))
}

// word returns text as a word of a header: printable ASCII, at most n bytes.
func word(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, text)
	return text[:min(len(text), n)]
}
