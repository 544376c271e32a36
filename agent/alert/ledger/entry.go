package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
)

// The kinds of lines that are no records.
const (
	KindSilence   alert.Kind = "silence"
	KindUnsilence alert.Kind = "unsilence"
	KindCursors   alert.Kind = "cursors"
	KindDropped   alert.Kind = "dropped"
)

// Entry is what one line of the journal has.
type Entry struct {
	Kind    alert.Kind        `json:"kind"`
	Time    time.Time         `json:"time"`
	Alert   *alert.Alert      `json:"alert,omitempty"`
	ID      string            `json:"id,omitempty"` // of a silence
	By      string            `json:"by,omitempty"`
	Text    string            `json:"text,omitempty"`
	Silence *alert.Silence    `json:"silence,omitempty"`
	Cursors map[string]uint64 `json:"cursors,omitempty"`
	Dropped map[string]uint64 `json:"dropped,omitempty"` // by id or title of the rule
}

// ErrEntry is returned for a line that no version of this program has written.
var ErrEntry = errors.New("not an entry")

// MaxAlert bounds the JSON of an alert in a line.
const MaxAlert = 1 << 20

// Encode returns the entry as a payload. An alert that is too large is cut, see
// alert.Alert.Encode.
func (e *Entry) Encode() ([]byte, error) {
	if e.Kind != alert.KindRaised {
		return alert.Marshal(e)
	}
	a, err := e.Alert.Encode(MaxAlert)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, len(a)+96), raisedPrefix...)
	b = e.Time.UTC().AppendFormat(append(b, `,"time":"`...), time.RFC3339Nano)
	b = append(append(append(b, `","alert":`...), a...), '}')
	return b, nil
}

// raisedPrefix is how every line of KindRaised begins.
const raisedPrefix = `{"kind":"raised"`

// IsRaised reports whether a payload is of KindRaised, without reading all of it.
func IsRaised(payload []byte) bool { return bytes.HasPrefix(payload, []byte(raisedPrefix)) }

// Decode reads a payload.
func Decode(payload []byte) (*Entry, error) {
	e := &Entry{}
	if err := json.Unmarshal(payload, e); err != nil {
		return nil, fmt.Errorf("ledger: %w: %w", ErrEntry, err)
	}
	return e, e.check()
}

func (e *Entry) check() error {
	ok := false
	switch e.Kind {
	case KindSilence:
		ok = e.Silence != nil
	case KindUnsilence, KindCursors, KindDropped:
		ok = true
	default: // also of a later version
		ok = e.Alert != nil
	}
	if !ok {
		return fmt.Errorf("ledger: %w: a line of kind %.40q lacks what it is about", ErrEntry, e.Kind)
	}
	return nil
}

// IsRecord reports whether the entry is one that outputs see.
func (e *Entry) IsRecord() bool {
	switch e.Kind {
	case KindSilence, KindUnsilence, KindCursors, KindDropped:
		return false
	}
	return true
}

// Record returns the entry as outputs see it.
func (e *Entry) Record(seq uint64) alert.Record {
	return alert.Record{Seq: seq, Kind: e.Kind, Time: e.Time, Alert: e.Alert, By: e.By, Text: e.Text}
}
