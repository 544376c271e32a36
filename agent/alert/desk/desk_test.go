package desk_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/desk"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

const limit = 100_000

// open returns a desk with n alerts, and their ids.
func open(t *testing.T, n int) (*desk.Desk, []string) {
	t.Helper()
	ids := make(chan string, n)
	s, err := store.Open(t.Context(), store.Options{
		Dir: filepath.Join(t.TempDir(), "data"), Log: slog.New(slog.DiscardHandler),
		OnRaised: func(r alert.Record) { ids <- r.Alert.ID.String() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var all []string
	for i := range n {
		s.Submit(&alert.Alert{
			Rule: alert.Rule{Title: fmt.Sprint("rule ", i), Level: alert.High}, Event: json.RawMessage(`{"process":{"pid":42}}`),
			Context: []json.RawMessage{json.RawMessage(`{"text":"` + strings.Repeat("x", 1000) + `"}`)},
		})
		all = append(all, <-ids)
	}
	return desk.New(s), all
}

func alerts(t *testing.T, a *desk.Answer) (all []*alert.Alert) {
	t.Helper()
	for _, b := range a.Alerts {
		x := &alert.Alert{}
		if err := json.Unmarshal(b, x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

func TestChangesAnswerWithTheAlertsAsTheyAreNow(t *testing.T) {
	d, ids := open(t, 3)
	for _, tt := range []struct {
		do     desk.Verb
		text   string
		status alert.Status
		notes  int
	}{
		{desk.Acknowledge, "mine", alert.Acknowledged, 1}, {desk.Note, "more", alert.Acknowledged, 2}, {desk.Close, "", alert.Closed, 2}, {desk.Reopen, "no", alert.Open, 3},
	} {
		a := d.Answer(t.Context(), "alice", &desk.Request{Do: tt.do, Alerts: []string{ids[0], strings.ToLower(ids[2][14:])}, Text: tt.text}, limit)
		got := alerts(t, a)
		if a.Problem != nil || len(got) != 2 {
			t.Fatalf("%s: %+v", tt.do, a.Problem)
		}
		for _, x := range got {
			if x.Status != tt.status || len(x.Notes) != tt.notes || x.Notes[0].By != "alice" {
				t.Errorf("%s: %s, %+v", tt.do, x.Status, x.Notes)
			}
		}
	}
	a := d.Answer(t.Context(), "alice", &desk.Request{Do: desk.Close, Alerts: []string{ids[1], ids[1], ids[2]}}, limit)
	if a.Problem == nil || a.Problem.Code != desk.Status || len(a.Alerts) != 1 || !strings.Contains(a.Problem.Text, ids[1][18:]) {
		t.Errorf("a change that fails half way: %d done, %+v", len(a.Alerts), a.Problem)
	}
}

func TestRequestsThatCannotBeCarriedOut(t *testing.T) {
	d, ids := open(t, 2)
	until := time.Now().Add(time.Hour)
	match := []alert.Condition{{Field: "rule.title", Value: "x"}}
	for what, tt := range map[string]struct {
		request desk.Request
		want    desk.Code
	}{
		"no verb":              {desk.Request{}, desk.Invalid},
		"no alert":             {desk.Request{Do: desk.Close}, desk.Invalid},
		"an end that is short": {desk.Request{Do: desk.Show, Alerts: []string{"0"}}, desk.Invalid},
		"no such alert":        {desk.Request{Do: desk.Show, Alerts: []string{"ZZZZZZ"}}, desk.NotFound},
		"a note without text":  {desk.Request{Do: desk.Note, Alerts: ids[:1]}, desk.Invalid},
		"no such level":        {desk.Request{Do: desk.List, Filter: &desk.Filter{Level: "hihg"}}, desk.Invalid},
		"no silence":           {desk.Request{Do: desk.Silence}, desk.Invalid},
		"no reason":            {desk.Request{Do: desk.Silence, Silence: &desk.NewSilence{Match: match, Until: until}}, desk.Invalid},
		"a misspelt field":     {desk.Request{Do: desk.Silence, Silence: &desk.NewSilence{Match: []alert.Condition{{Field: "proces.name", Value: "x"}}, Reason: "x", Until: until}}, desk.Invalid},
		"a misspelt level":     {desk.Request{Do: desk.Silence, Silence: &desk.NewSilence{Match: []alert.Condition{{Field: "rule.level", Value: "hihg"}}, Reason: "x", Until: until}}, desk.Invalid},
		"a field of Sigma":     {desk.Request{Do: desk.Silence, Silence: &desk.NewSilence{Match: []alert.Condition{{Field: "Image", Value: "x"}}, Reason: "x", Until: until}}, desk.Invalid},
		"no such silence":      {desk.Request{Do: desk.Unsilence, Silences: []string{"ZZZZ"}}, desk.NotFound},
	} {
		if a := d.Answer(t.Context(), "x", &tt.request, limit); a.Problem == nil || a.Problem.Code != tt.want {
			t.Errorf("%s: %+v", what, a.Problem)
		}
	}
	a := d.Answer(t.Context(), "x", &desk.Request{Do: desk.Silence, Silence: &desk.NewSilence{Match: []alert.Condition{{Field: "proces.name", Value: "x"}}, Reason: "x", Until: until}}, limit)
	if !strings.Contains(a.Problem.Text, "process.name") {
		t.Errorf("what was meant? %s", a.Problem.Text)
	}
}

func TestSilencesComeAndGo(t *testing.T) {
	d, _ := open(t, 0)
	a := d.Answer(t.Context(), "alice", &desk.Request{Do: desk.Silence, Silence: &desk.NewSilence{
		Match: []alert.Condition{{Field: "process.name", Value: "backup*"}}, Reason: "nightly", Until: time.Now().Add(time.Hour),
	}}, limit)
	if a.Problem != nil || len(a.Silences) != 1 || a.Silences[0].By != "alice" {
		t.Fatalf("%+v", a)
	}
	made := a.Silences[0]
	if a = d.Answer(t.Context(), "", &desk.Request{Do: desk.Silences}, limit); len(a.Silences) != 1 || !cmp.Equal(a.Silences[0], made) {
		t.Errorf("%+v", a)
	}
	if a = d.Answer(t.Context(), "bob", &desk.Request{Do: desk.Unsilence, Silences: []string{made.ID[20:]}}, limit); a.Problem != nil || len(a.Silences) != 1 {
		t.Errorf("%+v", a)
	}
	if a = d.Answer(t.Context(), "", &desk.Request{Do: desk.Silences}, limit); len(a.Silences) != 0 {
		t.Errorf("%+v", a)
	}
}

// TestAListComesInPiecesThatFit, by the bytes and by the number of alerts.
func TestAListComesInPiecesThatFit(t *testing.T) {
	d, ids := open(t, 40)
	var got []string
	pieces := 0
	for before := ""; ; pieces++ {
		a := d.Answer(t.Context(), "", &desk.Request{Do: desk.List, Filter: &desk.Filter{Before: before, Limit: 30, Whole: true}}, 20_000)
		b, err := json.Marshal(a)
		if err != nil || a.Problem != nil || len(b) > 21_000 {
			t.Fatalf("%d bytes, %+v: %v", len(b), a.Problem, err)
		}
		for _, x := range alerts(t, a) {
			got, before = append(got, x.ID.String()), x.ID.String()
			if x.Context == nil {
				t.Error("an alert is not whole")
			}
		}
		if !a.More {
			break
		}
	}
	if len(got) != len(ids) || pieces < 2 || got[0] != ids[39] || got[39] != ids[0] {
		t.Errorf("%d alerts in %d pieces", len(got), pieces)
	}
	a := d.Answer(t.Context(), "", &desk.Request{Do: desk.List}, limit)
	if all := alerts(t, a); len(all) != 40 || all[0].Context != nil {
		t.Errorf("%d alerts, context of %d", len(all), len(all[0].Context))
	}
}
