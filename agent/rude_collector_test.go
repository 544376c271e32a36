package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// withExternal starts an agent with the collector echo and the external ones that are named.
func withExternal(t *testing.T, names ...string) *running {
	t.Helper()
	return start(t, agent.Options{Configured: func(*config.Config) ([]manager.Spec, error) {
		all := []manager.Spec{{Config: control.ChildConfig{Collector: "echo"}}}
		for _, name := range names {
			all = append(all, manager.Spec{Config: control.ChildConfig{Collector: name}, External: &manager.External{UID: os.Getuid()}})
		}
		return all, nil
	}})
}

// rude is the external collector gpu, frame by frame, so that it can do what no client
// does.
type rude struct {
	t    *testing.T
	conn net.Conn
	buf  []byte
}

// newRude connects gpu, and has it registered.
func newRude(t *testing.T, socket string) *rude {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	g := &rude{t: t, conn: conn}
	hello := fmt.Sprintf(`{"name":"gpu","version":%d,"role":"collector","features":[]}`, frame.Version)
	g.send(frame.Fields{Type: frame.TypeHello, Payload: []byte(hello), Content: frame.ContentJSON})
	g.next(frame.TypeWelcome)
	spec := fmt.Sprintf(`{"topic_patterns":[%q],"respond":true}`, control.CollectorTarget("gpu"))
	g.send(frame.Fields{Type: frame.TypeSubscribe, ID: 1, Payload: []byte(spec), Content: frame.ContentJSON})
	g.next(frame.TypeAck)
	g.send(frame.Fields{Type: frame.TypeRequest, ID: 2, Topic: control.RegistrationTarget, Payload: g.envelope(control.OpRegister, "gpu",
		control.Registration{Collector: "gpu", PID: os.Getpid(), Version: "1", Source: "rude", State: control.CollectorRunning})})
	if reply := string(g.next(frame.TypeReply).Payload()); !strings.Contains(reply, `"status":"success"`) {
		t.Fatalf("registration: %s", reply)
	}
	return g
}

func (g *rude) envelope(op control.Operation, target string, payload any) []byte {
	b, err := json.Marshal(control.Request{
		ID: control.NewID(), Operation: op, Target: target, Deadline: router.Now() + int64(time.Minute), Payload: control.Payload(payload),
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

func (g *rude) send(f frame.Fields) {
	g.t.Helper()
	f.Time = router.Now()
	b, err := frame.Append(nil, &f)
	if err == nil {
		_, err = g.conn.Write(b)
	}
	if err != nil {
		g.t.Error(err)
	}
}

// next returns the next frame of that type; others are let go.
func (g *rude) next(kind frame.Type) frame.Frame {
	g.t.Helper()
	if err := g.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		g.t.Error(err)
	}
	for {
		f, err := frame.Next(g.buf, frame.MaxSize)
		if f == nil {
			b := make([]byte, 1<<16)
			n, rerr := g.conn.Read(b)
			if rerr != nil {
				g.t.Errorf("no %s came: %v, %v", kind, err, rerr)
				return nil
			}
			g.buf = append(g.buf, b[:n]...)
			continue
		}
		g.buf = g.buf[len(f):]
		if f.Type() == kind {
			return f
		}
	}
}

// asked returns the next request of the agent, and its envelope.
func (g *rude) asked() (frame.Frame, control.Request) {
	g.t.Helper()
	f := g.next(frame.TypeRequest)
	if f == nil {
		return nil, control.Request{}
	}
	q, err := control.DecodeRequest(f.Payload())
	if err != nil {
		g.t.Error(err)
	}
	return f, q
}

// reply answers the request f with that text.
func (g *rude) reply(f frame.Frame, flags frame.Flags, text string) {
	g.send(frame.Fields{Type: frame.TypeReply, ID: f.ID(), Source: f.Source(), Flags: flags, Payload: []byte(text)})
}

// right is the answer to q that has the state.
func right(q control.Request, state string) string {
	return fmt.Sprintf(`{"id":%q,"operation":%q,"target":"gpu","status":"success","payload":{"collector":"gpu","state":%q,"health":{"state":"healthy"}}}`, q.ID, q.Operation, state)
}

// TestBadAnswersOfACollector go to nobody but the operator whose operation they answer, as
// an error with its code; the next operation is answered rightly.
func TestBadAnswersOfACollector(t *testing.T) {
	r := withExternal(t, "gpu")
	operator := r.dial(ipc.ClientOptions{})
	g := newRude(t, r.socket)
	health := func(timeout time.Duration) (string, control.Report) {
		t.Helper()
		var report control.Report
		ctx := t.Context()
		q := control.Request{Operation: control.OpHealthCheck, Target: "gpu", Deadline: router.Now() + int64(timeout)}
		_, err := control.Call(ctx, operator, control.OperationTarget, q, &report)
		var e *control.Error
		if errors.As(err, &e) {
			return string(e.Code), report
		} else if err != nil {
			t.Error(err)
		}
		return "", report
	}
	var late frame.Frame
	var lateQ control.Request
	tests := []struct {
		name   string
		answer func(f frame.Frame, q control.Request)
		want   string
	}{
		{"half an envelope", func(f frame.Frame, q control.Request) { g.reply(f, 0, right(q, "half")[:40]) }, "INVALID_ANSWER"},
		{"nothing", func(f frame.Frame, q control.Request) { g.reply(f, 0, "") }, "INVALID_ANSWER"},
		{"a key twice", func(f frame.Frame, q control.Request) { g.reply(f, 0, `{"id":"a",`+right(q, "twice")[1:]) }, "INVALID_ANSWER"},
		{"an answer to another request", func(f frame.Frame, q control.Request) { q.ID = "other"; g.reply(f, 0, right(q, "other")) }, "INVALID_ANSWER"},
		{"success and an error", func(f frame.Frame, q control.Request) {
			g.reply(f, 0, `{"error":{"code":"BUSY","message":"x","category":"resource"},`+right(q, "both")[1:])
		}, "INVALID_ANSWER"},
		{"another status without an error", func(f frame.Frame, q control.Request) {
			g.reply(f, 0, strings.Replace(right(q, "none"), "success", "error", 1))
		}, "INVALID_ANSWER"},
		{"a failure of the bus", func(f frame.Frame, q control.Request) { g.reply(f, frame.FlagFailed, "\x21\x00no") }, "INVALID_ANSWER"},
		{"two answers", func(f frame.Frame, q control.Request) {
			g.reply(f, 0, right(q, "first"))
			g.reply(f, 0, right(q, "second"))
		}, ""},
		{"no answer in time", func(f frame.Frame, q control.Request) { late, lateQ = f, q }, "TIMEOUT"},
		{"that answer, and then the right one", func(f frame.Frame, q control.Request) {
			g.reply(late, 0, right(lateQ, "late"))
			g.reply(f, 0, right(q, "right"))
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			timeout := patience
			if tt.want == "TIMEOUT" {
				timeout = time.Second // more than the agent needs to ask
			}
			served := make(chan struct{})
			go func() { // awaited below
				defer close(served)
				if f, q := g.asked(); f != nil {
					tt.answer(f, q)
				}
			}()
			code, report := health(timeout)
			<-served
			if code != tt.want {
				t.Errorf("the operator got %q, want %q", code, tt.want)
			}
			if code == "" && (report.State == "late" || report.State == "second") {
				t.Errorf("the operator got the answer %s", report.State)
			}
		})
	}

	done := make(chan struct{})
	go func() { // awaited below
		defer close(done)
		g.asked()
		g.conn.Close()
	}()
	if code, _ := health(patience); code != "COLLECTOR_DIED" {
		t.Errorf("the connection ended: %s", code)
	}
	<-done
	if s := status(t, operator); s.Broker.LateReplies < 2 {
		t.Errorf("%d answers were dropped, want 2 and more", s.Broker.LateReplies)
	}
}

// TestALyingCollectorIsHeldToItsName: it registers as another one, makes its heartbeats,
// answers for it, and publishes what only the agent may.
func TestALyingCollectorIsHeldToItsName(t *testing.T) {
	r := withExternal(t, "gpu", "npu")
	operator := r.dial(ipc.ClientOptions{})
	refused := make(chan error, 10)
	gpu := r.dial(ipc.ClientOptions{Name: "gpu", Role: control.CollectorRole, OnError: func(err error) { refused <- err }})
	claim := func(target, collector string) string {
		t.Helper()
		_, err := control.Call(t.Context(), gpu, control.RegistrationTarget, control.Request{
			Operation: control.OpRegister, Target: target, Payload: control.Payload(control.Registration{Collector: collector, PID: 1, Source: "lies"}),
		}, nil)
		var e *control.Error
		if err == nil || errors.As(err, &e) {
			return string(code(e))
		}
		t.Fatal(err)
		return ""
	}
	for _, tt := range []struct{ target, collector, want string }{
		{"gpu", "npu", "INVALID_PAYLOAD"},
		{"npu", "npu", "PERMISSION_DENIED"},
		{"echo", "echo", "PERMISSION_DENIED"},
		{"nobody", "nobody", "PERMISSION_DENIED"},
		{"gpu", "gpu", ""},
	} {
		if got := claim(tt.target, tt.collector); got != tt.want {
			t.Errorf("registering %s as %s: %q, want %q", tt.target, tt.collector, got, tt.want)
		}
	}
	if _, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: r.socket, Name: "tpu", Role: control.CollectorRole, NoReconnect: true}); !errors.Is(err, router.ErrDenied) {
		t.Errorf("a collector that nobody named connects: %v", err)
	}
	for _, topic := range []string{
		control.HeartbeatTopic("echo"), control.HeartbeatTopic("npu"), control.LifecycleTopic, control.OrchestrationTopic, "events.echo.x", "alerts.high",
	} {
		if err := gpu.Publish(t.Context(), router.Outgoing{Topic: topic, Payload: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !errors.Is(err, router.ErrDenied) {
			t.Errorf("publishing on %s: %v", topic, err)
		}
	}
	for _, target := range []string{control.CollectorTarget("npu"), control.CollectorTarget("echo"), control.OperationTarget} {
		if _, err := gpu.Respond(t.Context(), target, nil); !errors.Is(err, router.ErrDenied) {
			t.Errorf("answering at %s: %v", target, err)
		}
		if _, err := gpu.Request(t.Context(), target, nil); !errors.Is(err, router.ErrDenied) {
			t.Errorf("asking %s: %v", target, err)
		}
	}
	// What may be published is no heartbeat, and half of one ends nobody.
	for _, text := range []string{``, `{"collector":"npu","sequence":1`, `[]`} {
		if err := gpu.Publish(t.Context(), router.Outgoing{Topic: control.HeartbeatTopic("gpu"), Payload: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := gpu.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]control.CollectorState)
	for _, c := range status(t, operator).Collectors {
		got[c.Name] = c.State
	}
	want := map[string]control.CollectorState{"echo": control.CollectorRunning, "gpu": control.CollectorRunning, "npu": control.CollectorAbsent}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func code(e *control.Error) control.Code {
	if e == nil {
		return ""
	}
	return e.Code
}

// TestOperatorsWhoChangeTheSameCollectorAtOnce each get a true answer: of those who stop it
// one has, and of those who start it one has.
func TestOperatorsWhoChangeTheSameCollectorAtOnce(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	const operators = 6
	clients := make([]*ipc.Client, operators)
	for i := range clients {
		clients[i] = r.dial(ipc.ClientOptions{Name: fmt.Sprint("operator", i)})
	}
	atOnce := func(op control.Operation) map[control.Code]int {
		t.Helper()
		codes := make(chan control.Code, operators)
		var all sync.WaitGroup
		for _, c := range clients {
			all.Go(func() {
				var e *control.Error
				if err := operate(t, c, op, "echo", nil, nil); err != nil && !errors.As(err, &e) {
					t.Error(err)
				}
				codes <- code(e)
			})
		}
		all.Wait()
		close(codes)
		got := make(map[control.Code]int)
		for c := range codes {
			got[c]++
		}
		return got
	}
	for range 3 {
		if diff := cmp.Diff(map[control.Code]int{"": 1, control.CodeNotRunning: operators - 1}, atOnce(control.OpStop)); diff != "" {
			t.Errorf("stopping (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[control.Code]int{"": 1, control.CodeAlreadyRunning: operators - 1}, atOnce(control.OpStart)); diff != "" {
			t.Errorf("starting (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(map[control.Code]int{"": operators}, atOnce(control.OpRestart)); diff != "" {
		t.Errorf("restarting (-want +got):\n%s", diff)
	}
	if s := status(t, clients[0]).Collectors[0]; s.State != control.CollectorRunning {
		t.Errorf("the collector is %+v", s)
	}
}
