package sinks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/logtest"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/sinks"
	"github.com/daemoneye/eventbus/router"
)

type noBus struct{}

func (noBus) Subscribe(context.Context, router.Subscription) (router.Subscriber, error) {
	return nil, router.ErrClosed
}

// TestNoOutputShowsItsSecrets: receivers repeat all that they get, in each way, or are not
// there, and neither status nor log nor a test has any of it.
func TestNoOutputShowsItsSecrets(t *testing.T) {
	codes := []int{http.StatusInternalServerError, http.StatusBadRequest, http.StatusTooManyRequests, http.StatusForbidden}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := codes[len(r.URL.Query().Get("code"))]
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(code)
		user, password, _ := r.BasicAuth()
		parts := []string{r.URL.String(), "", user, password, strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "), r.Header.Get("X-Api-Key"), r.Header.Get("X-Any"), r.URL.Path}
		parts[1] = fmt.Sprintf("%q", parts)
		_, _ = w.Write([]byte(parts[len(r.URL.Query().Get("part"))]))
	}))
	defer hook.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	hidden := []string{
		"hunter2", "hunter3", "hunter4", "hunter5", "hunter6", "hunter7", "am9lOmh1bnRlcjM=", // joe:hunter3
	}
	var text strings.Builder
	text.WriteString("outputs:\n  alerts: {enabled: false}\n")
	for part := range 8 {
		url := write(fmt.Sprint("url", part), fmt.Sprintf("%s/T0/hunter2/x?sig=hunter4&code=%s&part=%s", hook.URL, strings.Repeat("c", part%len(codes)), strings.Repeat("p", part)))
		auth := fmt.Sprintf("user: joe, password: %q", write("password", "hunter3"))
		if part == 0 || part == 6 {
			auth = fmt.Sprintf("token: %q", write("token", "hunter3"))
		}
		fmt.Fprintf(&text, "  hook%d: {type: webhook, url: %q, %s, secret: %q, headers: {X-Api-Key: %q, X-Any: \"Any hunter6\"}, retry_max: 1s}\n",
			part, url, auth, write("key", "hunter5"), write("api", "hunter7"))
	}
	fmt.Fprintf(&text, "  gone: {type: webhook, url: %q}\n", write("gone", "http://joe:hunter2@127.0.0.1:1/hunter3?k=hunter4"))
	fmt.Fprintf(&text, "  none: {type: webhook, url: %q}\n", write("none", "hunter2 hunter3"))
	fmt.Fprintf(&text, "  nats: {type: nats, address: \"nats://127.0.0.1:1\", token: %q}\n", write("nats", "hunter2"))
	l, err := config.Parse("f", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	// The configuration refuses these; the outputs do not rely on it.
	odd := l.Config.Outputs["nats"]
	odd.Address = "nats://joe:hunter2@127.0.0.1:1,nats://hunter3@127.0.0.1:1"
	l.Config.Outputs["odd"] = odd
	odd = l.Config.Outputs["gone"]
	odd.URL = "http://joe:hunter%zz2@hunter3/hunter4"
	l.Config.Outputs["odd-url"] = odd
	specs, err := sinks.Specs(l.Config, sinks.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	var logged logtest.Buffer
	j := &outputtest.Journal{}
	m := output.New(output.Options{Source: j, Bus: noBus{}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	if err := m.Apply(specs); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	defer func() { cancel(); running.Wait() }()
	var tests strings.Builder
	for _, s := range specs {
		err := m.Test(t.Context(), s.Name)
		if err == nil {
			t.Errorf("%s: the receiver has it", s.Name)
		}
		fmt.Fprintln(&tests, s.Name, err)
	}
	j.Raise(1, alert.Critical)
	failed := func() bool {
		return !slices.ContainsFunc(m.Status(), func(s output.Status) bool { return s.Failures == 0 })
	}
	for end := time.Now().Add(30 * time.Second); !failed(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not all have failed: %+v", m.Status())
		}
	}
	all, err := json.Marshal(m.Status())
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"status": string(all), "log": logged.String(), "tests": tests.String()} {
		for _, secret := range hidden {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("the %s has %s: …%s…", what, secret, text[max(0, at-200):min(len(text), at+50)])
			}
		}
	}
	if !strings.Contains(tests.String(), "[redacted]") {
		t.Errorf("no receiver repeats anything: %s", tests.String())
	}
}
