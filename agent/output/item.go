package output

import (
	"encoding/json"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
)

// Kind states what an Item is.
type Kind uint8

// The kinds.
const (
	// KindAlert is an alert that was raised.
	KindAlert Kind = iota + 1
	// KindUpdate is an alert that was raised before, and was repeated, acknowledged,
	// closed and so on.
	KindUpdate
	// KindMessage is a message of the bus, such as an event.
	KindMessage
	// KindNotice is of the output itself: what the receiver does not get, or a test.
	KindNotice
)

// Item is one thing that a sink sends. Immutable.
type Item struct {
	Kind Kind
	// ID is the same each time that the item is sent, and of no other item.
	ID string
	// Seq is the number of its record in the journal, 0 for what is not from there.
	Seq uint64
	// Topic is that of the bus: alerts.high, events.process.lifecycle, ...
	Topic string
	// Level is that of an alert, 0 for a message; notices are medium, tests informational.
	Level alert.Level
	Time  time.Time
	// Body is one JSON object on one line, without its end. Of KindAlert it is an
	// alert.Alert, of KindUpdate an alert.Record, of a message what it carries: an event in
	// the names of ECS, as tail prints it. Members of others may follow later.
	Body []byte
}

// NoticeTopic is the topic of notices.
const NoticeTopic = "outputs.notice"

// What notices are about: event.action of their body.
const (
	NoticeMissed  = "alerts-missed"
	NoticeLost    = "messages-lost"
	NoticeRefused = "refused"
	NoticeTest    = "test"
)

// notice is the body of a notice, in the names of the Elastic Common Schema.
type notice struct {
	Timestamp time.Time `json:"@timestamp"`
	Event     struct {
		Kind    string `json:"kind"`
		Action  string `json:"action"`
		Dataset string `json:"dataset"`
		Reason  string `json:"reason,omitempty"`
	} `json:"event"`
	Message   string `json:"message"`
	DaemonEye struct {
		Output string `json:"output"`
		// Count is how many the receiver does not get; 0 for an unknown number.
		Count *uint64 `json:"count,omitempty"`
		// Item is the ID of a refused item, Seq its number in the journal.
		Item string `json:"item,omitempty"`
		Seq  uint64 `json:"seq,omitempty"`
	} `json:"daemoneye"`
}

// newNotice makes the notice of the output called name. fill may be nil.
func newNotice(id, name, action, message string, at time.Time, fill func(*notice)) Item {
	var n notice
	n.Timestamp, n.Message = at.UTC(), message
	n.Event.Kind, n.Event.Action, n.Event.Dataset = "pipeline_error", action, "daemoneye.output"
	n.DaemonEye.Output = name
	level := alert.Medium
	if action == NoticeTest {
		n.Event.Kind, level = "event", alert.Informational
	}
	if fill != nil {
		fill(&n)
	}
	body, err := json.Marshal(&n)
	if err != nil {
		panic(err) // texts, numbers and a time
	}
	return Item{Kind: KindNotice, ID: id, Topic: NoticeTopic, Level: level, Time: at, Body: body}
}
