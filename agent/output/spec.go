package output

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/router"
)

// Spec is what an operator wants of one output. Immutable once a Manager has it.
type Spec struct {
	Name string
	// Type names the kind of the sink, and Target where it sends to, without secrets; both
	// for the status.
	Type, Target string
	// Topics are patterns. Those that match alerts.<level> select alerts, all others
	// messages of the bus.
	Topics []string
	// MinLevel is the least level of alerts.
	MinLevel alert.Level
	// Updates asks for what becomes of alerts later, repetitions above all.
	Updates bool
	// Queue bounds the messages, not alerts, that wait in the bus; 0 is what the broker
	// allows.
	Queue int
	// Batch is how many items the sink gets at once at most; default 100.
	Batch int
	// MaxBody is how large the body of an alert may be, above which context and more is
	// left out of it; default 512 KiB. Messages are as large as the bus allows.
	MaxBody int
	// Timeout bounds one call of Send; default 30 s.
	Timeout time.Duration
	// RetryMin and RetryMax bound the wait between two attempts; defaults 1 s and 1 min.
	RetryMin, RetryMax time.Duration
	// Mask, where set, returns a text without the secrets of the output itself: what opens
	// the door to the receiver. Each error of the sink goes through it, before a status, a
	// log, an operator or a receiver has it.
	Mask func(text string) string
	// Redact, where set, returns a body without secrets.
	Redact func(body []byte) []byte
	// New makes the sink. It does no I/O.
	New func() (Sink, error)
}

func (s *Spec) setDefaults() {
	s.Batch = cmp.Or(s.Batch, 100)
	s.MaxBody = cmp.Or(s.MaxBody, 512<<10)
	s.Timeout = cmp.Or(s.Timeout, 30*time.Second)
	s.RetryMin = cmp.Or(s.RetryMin, time.Second)
	s.RetryMax = max(cmp.Or(s.RetryMax, time.Minute), s.RetryMin)
}

// alertTopic is the first segment of the topics of alerts.
const alertTopic = "alerts"

// topics are the parsed topics of a Spec.
type topics struct {
	all     router.Patterns
	bus     []string // patterns for the subscription, sorted as in the Spec; empty for none
	anAlert bool     // whether some level is selected
}

func parseTopics(texts []string) (t topics, err error) {
	if len(texts) == 0 {
		return t, errors.New("no topics")
	}
	if t.all, err = router.ParsePatterns(texts...); err != nil {
		return t, err
	}
	for _, text := range texts {
		if first, _, _ := strings.Cut(text, "."); first != alertTopic {
			t.bus = append(t.bus, text)
		}
	}
	for l := alert.Informational; l <= alert.Critical; l++ {
		t.anAlert = t.anAlert || t.all.Match(topicOf(l))
	}
	return t, nil
}

// topicOf returns the topic of alerts of a level.
func topicOf(l alert.Level) string { return alertTopic + "." + l.String() }

// isAlertTopic reports whether a message on topic is an alert. Outputs have those from
// the journal.
func isAlertTopic(topic string) bool {
	return topic == alertTopic || strings.HasPrefix(topic, alertTopic+".")
}

// CheckTopics returns what is wrong with the topics of an output.
func CheckTopics(texts []string) error {
	_, err := parseTopics(texts)
	return err
}

// wants reports whether the output sends the record. No output sends an alert that is
// silenced, because an operator does not want it to leave.
func (s *Spec) wants(t *topics, r *alert.Record) bool {
	l := r.Alert.Rule.Level
	return l >= s.MinLevel && r.Alert.Silenced == "" && (s.Updates || r.Kind == alert.KindRaised) && t.all.Match(topicOf(l))
}

func (s *Spec) String() string { return fmt.Sprintf("output %s (%s)", s.Name, s.Type) }
