// Package format writes items for people: a line of text, and the parts of it that
// receivers want one by one.
package format

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
)

// Summary is what a person wants to know of an item first. What is not known is empty.
type Summary struct {
	Title       string // of the rule, or what a notice or an event is about
	Description string
	Level       alert.Level // informational for messages
	Host        string
	RuleID      string
	AlertID     string
	Count       uint64
	Time        time.Time
	Tags        []string
	Labels      map[string]string
	Change      alert.Kind // of an update
	// Command, User and Process are of the event that matched.
	Command, User, Process string
	PID                    int
}

// event is what an event in the names of ECS has.
type event struct {
	Message string `json:"message"`
	Host    struct {
		Name string `json:"name"`
		ID   string `json:"id"`
	} `json:"host"`
	Process struct {
		PID     int    `json:"pid"`
		Name    string `json:"name"`
		Command string `json:"command_line"`
		Path    string `json:"executable"`
	} `json:"process"`
	User struct {
		Name string `json:"name"`
		ID   string `json:"id"`
	} `json:"user"`
}

// Summarize reads the body of an item. A body that is not as expected gives less.
func Summarize(it *output.Item) Summary {
	s := Summary{Title: it.Topic, Level: max(it.Level, alert.Informational), Time: it.Time}
	switch it.Kind {
	case output.KindAlert:
		var a alert.Alert
		if json.Unmarshal(it.Body, &a) == nil {
			s.ofAlert(&a)
		}
	case output.KindUpdate:
		var r alert.Record
		if json.Unmarshal(it.Body, &r) == nil && r.Alert != nil {
			s.ofAlert(r.Alert)
			s.Change = r.Kind
		}
	default:
		var e event
		if json.Unmarshal(it.Body, &e) == nil {
			s.ofEvent(&e)
			if e.Message != "" {
				s.Title = e.Message
			}
		}
	}
	return s
}

func (s *Summary) ofAlert(a *alert.Alert) {
	s.Title, s.Description, s.Level = a.Rule.Title, a.Rule.Description, a.Rule.Level
	s.RuleID, s.AlertID, s.Count, s.Tags, s.Labels, s.Time = a.Rule.ID, a.ID.String(), a.Count, a.Rule.Tags, a.Labels, a.Last
	var e event
	if json.Unmarshal(a.Event, &e) == nil {
		s.ofEvent(&e)
	}
	if s.Host = a.Host.Name; s.Host == "" {
		s.Host = a.Host.ID
	}
}

func (s *Summary) ofEvent(e *event) {
	s.Command, s.PID, s.Process, s.User, s.Host = e.Process.Command, e.Process.PID, e.Process.Path, e.User.Name, e.Host.Name
	if s.Process == "" {
		s.Process = e.Process.Name
	}
	if s.User == "" {
		s.User = e.User.ID
	}
	if s.Host == "" {
		s.Host = e.Host.ID
	}
}

// Headline is the title, with what has become of the alert and how often it happened.
func (s *Summary) Headline() string {
	text := s.Title
	if s.Change != "" {
		text += " (" + string(s.Change) + ")"
	}
	if s.Count > 1 {
		text += fmt.Sprintf(" ×%d", s.Count)
	}
	return text
}

// Detail is what happened, in a line: the command, or else the program; empty for neither.
func (s *Summary) Detail() string {
	text := s.Command
	if text == "" {
		text = s.Process
	}
	if text == "" {
		return ""
	}
	if s.PID != 0 {
		text += fmt.Sprintf(" (pid %d", s.PID)
		if s.User != "" {
			text += ", user " + s.User
		}
		text += ")"
	}
	return text
}

// JSON returns the body.
func JSON(it *output.Item) []byte { return it.Body }

// Text returns an item as one line for people. Control characters are replaced.
func Text(it *output.Item) []byte {
	s := Summarize(it)
	var b strings.Builder
	b.WriteString(s.Time.UTC().Format(time.RFC3339))
	if it.Kind != output.KindMessage {
		b.WriteString(" " + s.Level.String())
	}
	b.WriteString(" " + s.Headline())
	if s.Host != "" {
		b.WriteString(" on " + s.Host)
	}
	if d := s.Detail(); d != "" {
		b.WriteString(": " + d)
	}
	if s.AlertID != "" {
		b.WriteString(" [" + s.AlertID + "]")
	}
	return []byte(Line(b.String()))
}

// Line replaces what would end a line, and what a terminal would obey or hide: also what
// changes the direction of text.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Cut shortens s to n bytes at most, between two characters.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:max(n-len("…"), 0)], "") + "…"
}
