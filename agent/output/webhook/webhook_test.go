package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sink(t *testing.T, o webhook.Options) *webhook.Sink {
	t.Helper()
	if o.Template == "" {
		o.Template = "json"
	}
	s, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestARequestHasBodySignatureAndSecrets(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	t.Setenv("HOOK_PASSWORD", "pw")
	s := sink(t, webhook.Options{
		URL: "file:" + write(t, srv.URL+"/hook\n"), Secret: "file:" + write(t, "key\n"), User: "joe", Password: "env:HOOK_PASSWORD",
		Headers: map[string]string{"X-Env": "prod", "X-Api-Key": "file:" + write(t, "k2")}, Version: "1.2",
	})
	all := outputtest.Items(t, 7, 1)
	if n, err := s.Send(t.Context(), all); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if string(body) != string(all[0].Body) || got.URL.Path != "/hook" || got.Method != "POST" {
		t.Errorf("%s %s with %s", got.Method, got.URL, body)
	}
	mac := hmac.New(sha256.New, []byte("key"))
	fmt.Fprintf(mac, "%s.%s", got.Header.Get("X-Daemoneye-Timestamp"), body)
	want := map[string]string{
		"X-Daemoneye-Signature": "sha256=" + hex.EncodeToString(mac.Sum(nil)), "Idempotency-Key": "7", "X-Env": "prod", "X-Api-Key": "k2",
		"Authorization": "Basic am9lOnB3", "User-Agent": "daemoneye-agent/1.2", "Content-Type": "application/json",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("%s: %s, want %s", name, got.Header.Get(name), value)
		}
	}
}

// TestWhatAnAnswerMeans has one receiver for each answer, and what the sink returns.
func TestWhatAnAnswerMeans(t *testing.T) {
	var refused *output.RefusedError
	var delay *output.DelayError
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		refused bool
		delay   time.Duration
		want    string // the error; empty for none
	}{
		{"taken", status(204, nil), false, 0, ""},
		{"429 with Retry-After", status(429, http.Header{"Retry-After": {"120"}}), false, 2 * time.Minute, "429 Too Many Requests: no; it asks for 2m0s"},
		{"429 with a date that has passed", status(429, http.Header{"Retry-After": {"Thu, 01 Jan 1970 00:00:00 GMT"}}), false, 0, "429 Too Many Requests: no"},
		{"503 with Retry-After", status(503, http.Header{"Retry-After": {"5"}}), false, 5 * time.Second, "503 Service Unavailable: no; it asks for 5s"},
		{"500", status(500, nil), false, 0, "500 Internal Server Error: no"},
		{"401", status(401, nil), false, 0, "401 Unauthorized: no"},
		{"404", status(404, nil), false, 0, "404 Not Found: no"},
		{"400", status(400, nil), true, 0, "refused: 400 Bad Request: no"},
		{"413", status(413, nil), true, 0, "refused: 413 Request Entity Too Large: no"},
		{"a redirect", status(307, http.Header{"Location": {"/other"}}), false, 0, "307 Temporary Redirect: a redirect that is not followed"},
		{"a redirect to a secret elsewhere", status(302, http.Header{"Location": {"http://x.example/token"}}), false, 0, "302 Found: a redirect that is not followed"},
		{"an answer for a terminal", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = w.Write([]byte("a\x1b[31mb\xff" + strings.Repeat("x", 1000)))
		}, false, 0, "500 Internal Server Error: a�[31mb?" + strings.Repeat("x", 189) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := sink(t, webhook.Options{URL: serve(t, tt.answer).URL}).Send(t.Context(), outputtest.Items(t, 0, 1))
			if tt.want == "" {
				if n != 1 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
				return
			}
			if n != 0 || err == nil || err.Error() != tt.want {
				t.Errorf("%d, %v\nwant %s", n, err, tt.want)
			}
			if errors.As(err, &refused) != tt.refused {
				t.Errorf("refused: %v", !tt.refused)
			}
			if errors.As(err, &delay) != (tt.delay > 0) || tt.delay > 0 && delay.After != tt.delay {
				t.Errorf("delay %v, want %v", delay, tt.delay)
			}
		})
	}
}

func status(code int, h http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name := range h {
			w.Header().Set(name, h.Get(name))
		}
		w.WriteHeader(code)
		if code != 204 {
			_, _ = w.Write([]byte("no\n"))
		}
	}
}

func TestRedirectsStayWithTheReceiver(t *testing.T) {
	var taken sync.Map
	other := serve(t, func(http.ResponseWriter, *http.Request) { taken.Store("elsewhere", true) })
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/new":
			b, _ := io.ReadAll(r.Body)
			taken.Store("new", len(b) > 0 && r.Header.Get("Authorization") == "Bearer tok")
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/get":
			http.Redirect(w, r, "/new", http.StatusSeeOther)
		default:
			http.Redirect(w, r, "/new", http.StatusPermanentRedirect)
		}
	})
	token := "file:" + write(t, "tok")
	if n, err := sink(t, webhook.Options{URL: srv.URL, Redirects: 1, Token: token}).Send(t.Context(), outputtest.Items(t, 0, 1)); n != 1 || err != nil {
		t.Errorf("a redirect that is allowed: %d, %v", n, err)
	}
	if whole, ok := taken.Load("new"); !ok || whole != true {
		t.Error("body or token did not come to the new place")
	}
	for _, path := range []string{"/away", "/get"} {
		if n, err := sink(t, webhook.Options{URL: srv.URL + path, Redirects: 5, Token: token}).Send(t.Context(), outputtest.Items(t, 0, 1)); n != 0 || err == nil {
			t.Errorf("%s: %d, %v", path, n, err)
		}
	}
	if _, ok := taken.Load("elsewhere"); ok {
		t.Error("something was sent to another host")
	}
}

func TestAReceiverThatHangs(t *testing.T) {
	release := make(chan struct{})
	before := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	hang := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			w.(http.Flusher).Flush()
			<-release
		}
	}
	after, failed := serve(t, hang(200)), serve(t, hang(500))
	endless := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat("x", 4096))); err != nil {
				return
			}
		}
	})
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if n, err := sink(t, webhook.Options{URL: before.URL}).Send(ctx, outputtest.Items(t, 0, 1)); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the header: %d, %v", n, err)
	}
	for name, srv := range map[string]*httptest.Server{"after the header": after, "endless": endless} {
		if n, err := sink(t, webhook.Options{URL: srv.URL}).Send(t.Context(), outputtest.Items(t, 0, 2)); n != 2 || err != nil {
			t.Errorf("%s: %d, %v, want all taken, because the status says so", name, n, err)
		}
	}
	if n, err := sink(t, webhook.Options{URL: failed.URL}).Send(t.Context(), outputtest.Items(t, 0, 1)); n != 0 || err == nil || err.Error() != "500 Internal Server Error" {
		t.Errorf("after the header of a failure: %d, %v", n, err)
	}
}

func TestNoErrorHasASecret(t *testing.T) {
	srv := serve(t, status(200, nil))
	host := strings.TrimPrefix(srv.URL, "http://")
	srv.Close()
	for _, url := range []string{"http://" + host + "/hunter2", "http://hunter2.invalid\x7f/", "ftp://hunter2", "http://a b/hunter2"} {
		s := sink(t, webhook.Options{URL: "file:" + write(t, url), Token: "file:" + write(t, "hunter2")})
		if n, err := s.Send(t.Context(), outputtest.Items(t, 0, 1)); n != 0 || err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %d, %v", url, n, err)
		}
	}
	if _, err := sink(t, webhook.Options{URL: "env:NO_SUCH_VARIABLE_HERE"}).Send(t.Context(), outputtest.Items(t, 0, 1)); err == nil {
		t.Error("no URL, and no error")
	}
}

func TestASecretIsReadAgainAfterAFailure(t *testing.T) {
	path := write(t, "old")
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer new" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	s := sink(t, webhook.Options{URL: srv.URL, Token: "file:" + path})
	if _, err := s.Send(t.Context(), outputtest.Items(t, 0, 1)); err == nil {
		t.Fatal("the old token is taken")
	}
	if err := os.WriteFile(path, []byte("new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Send(t.Context(), outputtest.Items(t, 0, 1)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestOnlyAReceiverWithTheRightCertificateGetsAnything(t *testing.T) {
	cert, _, _ := outputtest.Certificate(t)
	got := 0
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got++ }))
	defer srv.Close()
	o := webhook.Options{URL: srv.URL}
	if n, err := sink(t, o).Send(t.Context(), outputtest.Items(t, 0, 1)); n != 0 || err == nil {
		t.Errorf("an unknown authority: %d, %v", n, err)
	}
	o.TLS.CA = cert
	if n, err := sink(t, o).Send(t.Context(), outputtest.Items(t, 0, 1)); n != 0 || err == nil {
		t.Errorf("another authority: %d, %v", n, err)
	}
	if got != 0 {
		t.Errorf("%d requests came", got)
	}
}

func TestAnArrayIsOneRequest(t *testing.T) {
	var bodies []string
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(b))
	})
	for name, requests := range map[string]int{"batch": 1, "alertmanager": 1, "json": 3, "slack": 3} {
		bodies = nil
		if n, err := sink(t, webhook.Options{URL: srv.URL, Template: name}).Send(t.Context(), outputtest.Items(t, 0, 3)); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		if len(bodies) != requests {
			t.Errorf("%s: %d requests, want %d", name, len(bodies), requests)
		}
		if requests == 1 {
			var list []any
			if err := json.Unmarshal([]byte(bodies[0]), &list); err != nil || len(list) != 3 {
				t.Errorf("%s: %v, %d in the array", name, err, len(list))
			}
		}
	}
}
