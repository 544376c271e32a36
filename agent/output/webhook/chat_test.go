package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/webhook"
)

// texts are all texts of a value of JSON, with the name of the member that each is in.
func texts(name string, v any, f func(name, text string)) {
	switch v := v.(type) {
	case string:
		f(name, v)
	case []any:
		for _, x := range v {
			texts(name, x, f)
		}
	case map[string]any:
		for name, x := range v {
			texts(name, x, f)
		}
	}
}

// TestAHostCannotHaveItsAlertRefusedOrCallPeople: what a process chooses as its name and its
// arguments makes no message too large, none with a blank value (which Discord refuses), no
// call for everybody, no link with another text, and nothing that turns text around.
func TestAHostCannotHaveItsAlertRefusedOrCallPeople(t *testing.T) {
	var body []byte
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) })
	const lie = "@channel @all @HERE @everyone <!channel> [ok](http://x) ![](http://x/y.png) \u202ekcatta\u202c \u2028\x1b[2J\u009b2J"
	for name, text := range map[string]string{
		"blank": " \t\u00a0\u2003", "lies": lie, "backslashes": strings.Repeat(`\`, 4096), "underscores": strings.Repeat("_", 4096), "control characters": strings.Repeat("\x01", 4096), "no text": "\xff\xfe",
	} {
		event, err := json.Marshal(map[string]any{
			"process": map[string]any{"pid": 7, "executable": "/" + text, "command_line": text}, "user": map[string]any{"name": text},
		})
		if err != nil {
			t.Fatal(err)
		}
		a := outputtest.Alert(7, alert.Critical)
		a.Event, a.Host.Name = event, text[:min(len(text), 255)]
		a.Rule.Description, a.Rule.Tags = strings.Repeat("a description ", 100), []string{"attack.execution", "attack.t1059.004"}
		raised, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range []string{"slack", "teams", "discord"} {
			s := sink(t, webhook.Options{URL: srv.URL, Template: template})
			it := output.Item{Kind: output.KindAlert, ID: "x-7", Seq: 7, Topic: "alerts.critical", Level: alert.Critical, Time: a.Raised, Body: raised}
			if n, err := s.Send(t.Context(), []output.Item{it}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			var v any
			if err := json.Unmarshal(body, &v); err != nil {
				t.Fatalf("%s: %v in %s", template, err, body)
			}
			total, found := 0, false
			texts("", v, func(name, text string) {
				total += utf8.RuneCountInString(text)
				found = found || strings.Contains(text, a.ID.String())
				if strings.TrimSpace(text) == "" {
					t.Errorf("%s: %s is blank", template, name)
				}
				for _, bad := range []string{"\u202e", "\u202c", "\u2028", "\x1b", "\u009b", "\n"} {
					if strings.Contains(text, bad) {
						t.Errorf("%s: %s has %q: %q", template, name, bad, text)
					}
				}
				if template == "slack" {
					for _, bad := range []string{"<", "@channel", "@all", "@HERE", "@everyone", "]("} {
						if strings.Contains(text, bad) {
							t.Errorf("%s: %s has %q: %q", template, name, bad, text)
						}
					}
				}
			})
			if !found {
				t.Errorf("%s, %s: the alert is not named", template, name)
			}
			if template == "discord" && total > 6000 || template == "teams" && len(body) > 28<<10 || len(body) > 40_000 {
				t.Errorf("%s, %s: %d characters, %d bytes", template, name, total, len(body))
			}
		}
	}
}
