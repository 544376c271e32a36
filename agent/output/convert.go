package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
	"github.com/daemoneye/eventbus/frame"
)

// itemOf returns the item of a record.
func (s *Spec) itemOf(r *alert.Record) (Item, error) {
	it := Item{
		Kind: KindAlert, ID: r.Alert.ID.String() + "-" + strconv.FormatUint(r.Seq, 10), Seq: r.Seq,
		Topic: topicOf(r.Alert.Rule.Level), Level: r.Alert.Rule.Level, Time: r.Time,
	}
	var err error
	if r.Kind == alert.KindRaised {
		it.Body, err = r.Alert.Encode(s.MaxBody)
	} else {
		it.Kind = KindUpdate
		it.Body, err = json.Marshal(r)
	}
	it.Body = s.redacted(it.Body)
	return it, err
}

// itemOfMessage returns the item of a message or a gap. life is of this run of the agent,
// because the numbers of messages begin anew with each.
func (s *Spec) itemOfMessage(m *message, life string) Item {
	id := life + "-" + strconv.FormatUint(m.n, 10)
	if g := m.m.Gap; g != nil {
		text := g.String()
		return newNotice(id, s.Name, NoticeLost, text, m.at, func(n *notice) {
			n.DaemonEye.Count, n.Event.Reason = &g.Count, g.Reason.String()
		})
	}
	topic := string(m.m.Topic())
	return Item{Kind: KindMessage, ID: id, Topic: topic, Time: m.at, Body: s.redacted(bodyOf(topic, m))}
}

// bodyOf returns the payload as one line of JSON: as tail prints it where it is an event
// or JSON, else inside an object.
func bodyOf(topic string, m *message) []byte {
	p := m.m.Payload
	switch m.m.Frame.Content() {
	case frame.ContentEvent:
		if v, err := event.Parse(p); err == nil {
			return ecs.Append(nil, v)
		}
	case frame.ContentJSON:
		var b bytes.Buffer
		if json.Compact(&b, p) == nil && b.Len() > 0 && b.Bytes()[0] == '{' {
			return b.Bytes()
		}
	}
	other := struct {
		Timestamp time.Time `json:"@timestamp"`
		Topic     string    `json:"topic"`
		Text      string    `json:"text,omitempty"`
		Bytes     []byte    `json:"bytes,omitempty"`
	}{Timestamp: m.at.UTC(), Topic: topic}
	if utf8.Valid(p) {
		other.Text = string(p)
	} else {
		other.Bytes = p
	}
	b, err := json.Marshal(&other)
	if err != nil {
		panic(err) // texts, bytes and a time
	}
	return b
}

func (s *Spec) redacted(body []byte) []byte {
	if s.Redact == nil {
		return body
	}
	return s.Redact(body)
}

// missedNotice is about records that are gone. after is the cursor, records those that
// follow.
func (s *Spec) missedNotice(after, missed uint64, records []alert.Record, at time.Time) Item {
	id := fmt.Sprintf("missed-%s-%d-%d", s.Name, after, missed)
	text := fmt.Sprintf("%d lines of the alert journal are not there any more: the receiver does not get the alerts among them", missed)
	n := newNotice(id, s.Name, NoticeMissed, text, at, func(n *notice) {
		n.DaemonEye.Count, n.Event.Reason = &missed, "retention"
	})
	if n.Seq = after + missed; len(records) > 0 {
		n.Seq = records[0].Seq - 1
	}
	return n
}

// refusedNotice stands in the place of an item.
func (s *Spec) refusedNotice(it *Item, reason string, at time.Time) Item {
	id := "refused-" + it.ID
	n := newNotice(id, s.Name, NoticeRefused, fmt.Sprintf("the receiver refused %s: %s", it.ID, reason), at, func(n *notice) {
		n.DaemonEye.Item, n.DaemonEye.Seq, n.Event.Reason = it.ID, it.Seq, reason
	})
	n.Seq = it.Seq
	return n
}
