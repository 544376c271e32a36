package format_test

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
)

func body(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestALineForPeople(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	a := outputtest.Alert(7, alert.High)
	a.Count = 3
	evil := outputtest.Alert(8, alert.Low)
	evil.Rule.Title, evil.Event = "a\nb\x1b[31m", []byte(`{"process":{"command_line":"x\ny\u202ez\u009b"}}`)
	tests := []struct {
		name string
		it   output.Item
		want string
	}{
		{"an alert", output.Item{Kind: output.KindAlert, Level: alert.High, Body: body(t, a)}, "2026-11-27T12:00:00Z high alert 7 ×3 on web1: bash -i (pid 7) [" + a.ID.String() + "]"},
		{"control characters", output.Item{Kind: output.KindAlert, Body: body(t, evil)}, "2026-11-27T12:00:00Z low a�b�[31m on web1: x�y�z� [" + evil.ID.String() + "]"},
		{"an update", output.Item{Kind: output.KindUpdate, Body: body(t, alert.Record{Kind: alert.KindClosed, Alert: a.Brief()})}, "2026-11-27T12:00:00Z high alert 7 (closed) ×3 on web1 [" + a.ID.String() + "]"},
		{"an event", output.Item{Kind: output.KindMessage, Topic: "events.process.lifecycle", Time: at, Body: []byte(`{"host":{"name":"web1"},"process":{"pid":3,"executable":"/bin/ls"},"user":{"name":"joe"}}`)}, "2026-11-27T12:00:00Z events.process.lifecycle on web1: /bin/ls (pid 3, user joe)"},
		{"a notice", output.Item{Kind: output.KindNotice, Level: alert.Medium, Time: at, Body: []byte(`{"message":"3 records are gone"}`)}, "2026-11-27T12:00:00Z medium 3 records are gone"},
		{"no JSON", output.Item{Kind: output.KindAlert, Topic: "alerts.low", Level: alert.Low, Time: at, Body: []byte("x")}, "2026-11-27T12:00:00Z low alerts.low"},
	}
	for _, tt := range tests {
		if got := string(format.Text(&tt.it)); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	const text = "äöü€x"
	for n := range len(text) + 2 {
		got := format.Cut(text, n)
		if len(got) > max(n, len("…")) || !utf8.ValidString(got) || n >= len(text) && got != text {
			t.Errorf("%d: %q", n, got)
		}
	}
}
