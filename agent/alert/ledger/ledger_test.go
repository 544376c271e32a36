package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

var at = time.Date(2026, 11, 27, 12, 0, 0, 5, time.UTC)

func sample() *alert.Alert {
	return &alert.Alert{
		ID: alert.ID{1}, Status: alert.Open, Count: 1, First: at, Last: at, Raised: at, Rule: alert.Rule{Title: "x", Level: alert.High, Tags: []string{"t"}},
		Event: json.RawMessage(`{"process":{"command_line":"a > b"}}`),
	}
}

func silence(id string, until time.Time) *alert.Silence {
	return &alert.Silence{ID: id, Reason: "r", By: "b", Created: at, Until: until, Match: []alert.Condition{{Field: "rule.title", Value: "x"}}}
}

func TestEachEntryIsReadAsItWasWritten(t *testing.T) {
	for _, e := range []*ledger.Entry{
		{Kind: alert.KindRaised, Time: at, Alert: sample()},
		{Kind: alert.KindRepeated, Time: at, Alert: sample().Brief()},
		{Kind: alert.KindNoted, Time: at, Alert: sample().Brief(), By: "alice", Text: "a < b & \"c\"\nd"},
		{Kind: ledger.KindSilence, Time: at, Silence: silence("s", at)},
		{Kind: ledger.KindUnsilence, Time: at, ID: "s", By: "bob"},
		{Kind: ledger.KindCursors, Time: at, Cursors: map[string]uint64{"file": 7}},
		{Kind: ledger.KindDropped, Time: at, Dropped: map[string]uint64{"rule": 7}},
	} {
		b, err := e.Encode()
		if err != nil || bytes.ContainsRune(b, '\n') {
			t.Fatalf("%s: %q: %v", e.Kind, b, err)
		}
		got, err := ledger.Decode(b)
		if diff := cmp.Diff(e, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", e.Kind, err, diff)
		}
		if ledger.IsRaised(b) != (e.Kind == alert.KindRaised) {
			t.Errorf("%s is a raise: %v", e.Kind, ledger.IsRaised(b))
		}
	}
}

func TestWhatNoVersionHasWrittenIsNoEntry(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `{}`, `{"kind":"raised"}`, `{"kind":"silence"}`, `{"kind":"closed","alert":null}`, `{"kind":"raised","alert":{"status":"gone"}}`} {
		if _, err := ledger.Decode([]byte(text)); !errors.Is(err, ledger.ErrEntry) {
			t.Errorf("%s: %v", text, err)
		}
	}
	// A later version may have more.
	if e, err := ledger.Decode([]byte(`{"kind":"escalated","more":1,"alert":{"id":"` + alert.ID{1}.String() + `","extra":2}}`)); err != nil || !e.IsRecord() {
		t.Errorf("%+v: %v", e, err)
	}
}

func TestARowFollowsTheLinesOfItsAlert(t *testing.T) {
	whole := sample()
	row := ledger.Raise(7, whole)
	for i, kind := range []alert.Kind{alert.KindAcknowledged, alert.KindNoted, alert.KindRepeated} {
		b := whole.Brief()
		b.Status, b.Count = alert.Acknowledged, uint64(i)+1
		e := &ledger.Entry{Kind: kind, Time: at, Alert: b, By: "alice"}
		if kind != alert.KindRepeated {
			e.Text = string(kind)
		}
		row = row.After(e)
	}
	got := row.Fill(whole)
	if row.Seq != 7 || got.Status != alert.Acknowledged || got.Count != 3 || len(got.Notes) != 2 || got.Notes[1].Text != "noted" || !cmp.Equal(got.Event, whole.Event) {
		t.Errorf("%+v", got)
	}
	if whole.Status != alert.Open || whole.Notes != nil {
		t.Error("the alert itself has changed")
	}
}

// TestAStateIsInItsHead: silences and cursors, and entries that are applied twice.
func TestAStateIsInItsHead(t *testing.T) {
	s := &ledger.State{}
	for range 2 {
		for _, e := range []*ledger.Entry{
			{Kind: ledger.KindSilence, Silence: silence("a", at.Add(time.Hour))}, {Kind: ledger.KindSilence, Silence: silence("b", at)},
			{Kind: ledger.KindSilence, Silence: silence("c", at)}, {Kind: ledger.KindUnsilence, ID: "c"},
			{Kind: ledger.KindCursors, Cursors: map[string]uint64{"x": 1, "y": 2}}, {Kind: ledger.KindCursors, Cursors: map[string]uint64{"x": 3, "y": 0}},
		} {
			s.Apply(e)
		}
	}
	b, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	s, err = ledger.ReadState(b)
	if err != nil || len(s.Silences()) != 2 || s.Cursor("x") != 3 || s.Cursor("y") != 0 || len(s.Cursors()) != 1 {
		t.Errorf("%+v, %v: %v", s.Silences(), s.Cursors(), err)
	}
	if got := s.Silencing(sample(), at); got == nil || got.ID != "a" {
		t.Errorf("what silences is %+v", got)
	}
	if got := s.Ended(at); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("what has ended is %+v", got)
	}
	if s, err := ledger.ReadState([]byte(strings.Repeat("x", 5))); err == nil || s == nil {
		t.Error("a head that is none has no error")
	}
}
