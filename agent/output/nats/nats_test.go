package nats_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	natsgo "github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/nats"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/secret"
	"github.com/daemoneye/eventbus/router"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Println(err)
		code = 1
	}
	if path, _ := build(); path != "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// guard is how long a test waits for what must come.
const guard = 60 * time.Second

func sink(t *testing.T, o nats.Options) *nats.Sink {
	t.Helper()
	if o.Subject == "" {
		o.Subject = "daemoneye"
	}
	s := nats.New(o)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func send(t *testing.T, s *nats.Sink, list []output.Item) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	return s.Send(ctx, list)
}

func TestWhatIsTakenIsInTheStreamOnce(t *testing.T) {
	srv := newServer(t, "")
	stream := srv.stream()
	s := sink(t, nats.Options{Address: "nats://" + srv.address(), Stream: "DAEMONEYE"})
	for range 2 { // the second time all of it is a repetition
		if n, err := send(t, s, outputtest.Items(t, 0, 50)); n != 50 || err != nil {
			t.Fatal(n, err)
		}
	}
	event := output.Item{Kind: output.KindMessage, ID: "m-1", Topic: "events.process.lifecycle", Body: []byte(`{}`)}
	if n, err := send(t, s, []output.Item{event}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprintf("alerts.high %d", i))
	}
	if diff := cmp.Diff(append(want, "events.process.lifecycle m-1"), all(t, stream)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m, err := stream.GetMsg(t.Context(), 1)
	if err != nil || m.Header.Get("Daemoneye-Level") != "high" || m.Header.Get("Daemoneye-Kind") != "alert" || string(m.Data) != string(outputtest.Items(t, 0, 1)[0].Body) {
		t.Errorf("%v, %v", m, err)
	}
}

type noBus struct{}

func (noBus) Subscribe(context.Context, router.Subscription) (router.Subscriber, error) {
	return nil, router.ErrClosed
}

// TestAServerThatIsKilledLosesNothing has an output send while the server is killed and
// started again several times: the stream has each alert once, and in order.
func TestAServerThatIsKilledLosesNothing(t *testing.T) {
	srv := newServer(t, "")
	stream := srv.stream()
	j := &outputtest.Journal{}
	_ = j.SetCursor("log", 0) // memory
	m := output.New(output.Options{Source: j, Bus: noBus{}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	err := m.Apply([]output.Spec{{
		Name: "log", Type: "nats", Topics: []string{"alerts.#"}, MinLevel: alert.Low, Batch: 20, RetryMin: 10 * time.Millisecond, RetryMax: 200 * time.Millisecond,
		New: func() (output.Sink, error) {
			return nats.New(nats.Options{Address: "nats://" + srv.address(), Subject: "daemoneye"}), nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	defer running.Wait()
	defer cancel()
	until := func(n uint64) {
		t.Helper()
		end := time.Now().Add(guard)
		for m.Status()[0].Alerts < n {
			if time.Now().After(end) {
				t.Fatalf("%d alerts are not there: %+v", n, m.Status()[0])
			}
			time.Sleep(time.Millisecond) // until the server has acknowledged them
		}
	}
	const rounds, each = 4, 250
	for r := range rounds {
		j.Raise(each, alert.High)
		until(uint64(r*each + each/10)) // in the middle of it
		srv.kill()
		srv.start()
	}
	until(rounds * each)
	var want []string
	for i := range rounds * each {
		want = append(want, fmt.Sprintf("alerts.high %s-%d", outputtest.Alert(i+1, alert.High).ID, i+1))
	}
	if diff := cmp.Diff(want, all(t, stream)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s := m.Status()[0]; s.Failures == 0 {
		t.Error("the server was killed, and nothing has failed")
	}
}

func TestWithoutAStreamNothingIsTaken(t *testing.T) {
	srv := newServer(t, "")
	s := sink(t, nats.Options{Address: "nats://" + srv.address()})
	if n, err := send(t, s, outputtest.Items(t, 0, 3)); n != 0 || err == nil {
		t.Errorf("no stream: %d, %v", n, err)
	}
	srv.stream()
	if n, err := send(t, sink(t, nats.Options{Address: "nats://" + srv.address(), Stream: "OTHER"}), outputtest.Items(t, 0, 3)); n != 0 || err == nil {
		t.Errorf("another stream than the one that is wanted: %d, %v", n, err)
	}
	if n, err := send(t, s, outputtest.Items(t, 0, 3)); n != 3 || err != nil {
		t.Errorf("with a stream: %d, %v", n, err)
	}
}

func TestAnItemThatIsTooLargeIsRefused(t *testing.T) {
	srv := newServer(t, "max_payload: 4096")
	srv.stream()
	list := outputtest.Items(t, 0, 3)
	list[1].Body = []byte(`{"x":"` + strings.Repeat("x", 5000) + `"}`)
	s := sink(t, nats.Options{Address: "nats://" + srv.address()})
	n, err := send(t, s, list)
	var refused *output.RefusedError
	if n != 1 || !errors.As(err, &refused) {
		t.Errorf("%d, %v, want the second refused", n, err)
	}
	if n, err := send(t, s, list[2:]); n != 1 || err != nil {
		t.Errorf("the third: %d, %v", n, err)
	}
}

func TestCredentials(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := newServer(t, `authorization { user: joe, password: hunter2 }`)
	srv.stream(natsgo.UserInfo("joe", "hunter2"))
	address := "nats://" + srv.address()
	if n, err := send(t, sink(t, nats.Options{Address: address, User: "joe", Password: "file:" + path}), outputtest.Items(t, 0, 1)); n != 1 || err != nil {
		t.Errorf("a user: %d, %v", n, err)
	}
	for name, o := range map[string]nats.Options{
		"nobody": {}, "a wrong token": {Token: "file:" + path}, "no file": {User: "joe", Password: "file:/nonexistent"}, "no credentials": {Credentials: "/nonexistent"},
	} {
		o.Address = address
		if n, err := send(t, sink(t, o), outputtest.Items(t, 0, 1)); n != 0 || err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	srv = newServer(t, `authorization { token: hunter2 }`)
	srv.stream(natsgo.Token("hunter2"))
	if n, err := send(t, sink(t, nats.Options{Address: "nats://" + srv.address(), Token: "file:" + path}), outputtest.Items(t, 0, 1)); n != 1 || err != nil {
		t.Errorf("a token: %d, %v", n, err)
	}
}

func TestTLS(t *testing.T) {
	cert, key, _ := outputtest.Certificate(t)
	other, _, _ := outputtest.Certificate(t)
	srv := newServer(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }", cert, key, cert))
	srv.stream(natsgo.RootCAs(cert), natsgo.ClientCert(cert, key))
	files := secret.TLS{CA: cert, Cert: cert, Key: key}
	if n, err := send(t, sink(t, nats.Options{Address: "tls://" + srv.address(), TLS: files}), outputtest.Items(t, 0, 1)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	files.CA = other
	if n, err := send(t, sink(t, nats.Options{Address: "tls://" + srv.address(), TLS: files}), outputtest.Items(t, 0, 1)); n != 0 || err == nil {
		t.Errorf("a server that somebody else signed: %d, %v", n, err)
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	if n, err := sink(t, nats.Options{Address: "nats://127.0.0.1:1"}).Send(ctx, outputtest.Items(t, 0, 1)); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}
