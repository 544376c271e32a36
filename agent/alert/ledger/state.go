package ledger

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
)

// State is what is in force beside the alerts. The zero State has nothing.
//
// One goroutine at a time.
type State struct {
	silences map[string]*alert.Silence
	cursors  map[string]uint64
}

// head is the JSON of a State.
type head struct {
	Silences []*alert.Silence  `json:"silences"`
	Cursors  map[string]uint64 `json:"cursors"`
}

// Head returns the state as the head of a segment.
func (s *State) Head() ([]byte, error) { return json.Marshal(head{s.Silences(), s.cursors}) }

// ReadState reads a head. One that cannot be read is an empty state with an error.
func ReadState(b []byte) (*State, error) {
	var h head
	s := &State{}
	if err := json.Unmarshal(b, &h); err != nil {
		return s, err
	}
	for _, x := range h.Silences {
		if x != nil {
			s.Apply(&Entry{Kind: KindSilence, Silence: x})
		}
	}
	s.cursors = h.Cursors
	return s, nil
}

// Apply has the entry take effect.
func (s *State) Apply(e *Entry) {
	switch e.Kind {
	case KindSilence:
		if s.silences == nil {
			s.silences = map[string]*alert.Silence{}
		}
		s.silences[e.Silence.ID] = e.Silence
	case KindUnsilence:
		delete(s.silences, e.ID)
	case KindCursors:
		if s.cursors == nil {
			s.cursors = map[string]uint64{}
		}
		for name, seq := range e.Cursors {
			if seq == 0 {
				delete(s.cursors, name)
			} else {
				s.cursors[name] = seq
			}
		}
	}
}

// Silences returns all silences by their time of making.
func (s *State) Silences() []*alert.Silence {
	return slices.SortedFunc(maps.Values(s.silences), func(a, b *alert.Silence) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// Silence returns the silence with that id, nil for none.
func (s *State) Silence(id string) *alert.Silence { return s.silences[id] }

// Silencing returns the silence that matches a at that time, nil for none.
func (s *State) Silencing(a *alert.Alert, now time.Time) *alert.Silence {
	if len(s.silences) == 0 {
		return nil
	}
	f := alert.FieldsOf(a)
	for _, x := range s.Silences() {
		if now.Before(x.Until) && f.Silenced(x) {
			return x
		}
	}
	return nil
}

// Ended returns the silences whose time is over.
func (s *State) Ended(now time.Time) (all []*alert.Silence) {
	for _, x := range s.silences {
		if !now.Before(x.Until) {
			all = append(all, x)
		}
	}
	return all
}

// Cursor returns the cursor with that name, 0 for none.
func (s *State) Cursor(name string) uint64 { return s.cursors[name] }

// Cursors returns all cursors by their names.
func (s *State) Cursors() map[string]uint64 { return maps.Clone(s.cursors) }
