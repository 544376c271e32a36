package display_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

const alertJSON = `{"id":"01JDPZ9Q2G0123456789ABCDEF","status":"open","count":3,"first":"2026-11-27T12:00:00Z","last":"2026-11-27T12:01:00Z",` +
	`"raised":"2026-11-27T12:00:01.5Z","rule":{"id":"x","title":"Shell in a network connection","level":"high"},"host":{"name":"web1"},` +
	`"event":{"event":{"category":["process"],"action":"start"},"user":{"name":"root"},"process":{"pid":42,"name":"bash","command_line":"bash -i\u001b[0m"}}}`

func TestAnAlertInALine(t *testing.T) {
	r := record(t, alertJSON)
	at := time.Date(2026, 11, 27, 12, 0, 1, 0, time.UTC).Local().Format("01-02 15:04:05")
	want := "89ABCDEF " + at + " high     open     3x    Shell in a network connection: root bash[42] bash -i\ufffd[0m"
	if got := display.AlertLine(r, 0, false); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, width := range []int{40, 80} {
		if got := display.AlertLine(r, width, false); utf8.RuneCountInString(got) > width || !strings.HasPrefix(want, strings.TrimSuffix(got, "…")) {
			t.Errorf("in %d columns: %s", width, got)
		}
	}
	if got := display.AlertLine(r, 0, true); !strings.Contains(got, "\x1b[31mhigh    \x1b[0m") {
		t.Errorf("in colour: %q", got)
	}
	for text, want := range map[string]string{
		`{"status":"acknowledged","rule":{"level":"informational","title":"x"}}`: "info     acked",
		`{"status":"open","silenced":"y","rule":{"level":"low","title":"x"}}`:    "low      silenced",
		`{"status":"closed","silenced":"y","rule":{"level":"low","title":"x"}}`:  "low      closed",
	} {
		if got := display.AlertLine(record(t, text), 0, false); !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestAnAlertAmongMessages(t *testing.T) {
	l := display.Lines{}
	at := time.Date(2026, 11, 27, 12, 0, 1, 500_000_000, time.UTC).Local().Format("15:04:05.000")
	want := at + " web1 high     root bash[42]    Shell in a network connection (3 times): bash -i\ufffd[0m"
	if got := l.Line(&display.Message{Topic: "alerts.high", Time: time.Now(), Text: alertJSON, Record: record(t, alertJSON)}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
