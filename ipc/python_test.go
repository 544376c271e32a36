package ipc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestPythonConformance runs testdata/client.py, which was written from
// frame/PROTOCOL.md alone, against a server and a Go client.
func TestPythonConformance(t *testing.T) {
	t.Parallel()
	path, _ := servePython(t, ipc.Options{})
	newPartner(t, path)
	out, err := python(t, "conformance", path, filepath.Join("..", "frame", "testdata", "vectors")).CombinedOutput()
	t.Logf("client.py:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// TestPythonHeartbeat does the same with a server that asks often.
func TestPythonHeartbeat(t *testing.T) {
	t.Parallel()
	path, _ := servePython(t, ipc.Options{Heartbeat: time.Second / 2})
	out, err := python(t, "heartbeat", path).CombinedOutput()
	t.Logf("client.py:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// TestPythonCommands uses client.py as its reader would: one subscribes, one publishes,
// and the end of the server is an orderly one for its clients.
func TestPythonCommands(t *testing.T) {
	t.Parallel()
	path, stop := servePython(t, ipc.Options{})
	sub := python(t, "sub", path, "demo.#")
	pipe, err := sub.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	want := func(line string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != line {
			t.Fatalf("sub says %q, want %q", lines.Text(), line)
		}
	}
	want("# subscribed to demo.#")
	if out, err := python(t, "pub", path, "demo.a", "hello").CombinedOutput(); err != nil {
		t.Fatalf("pub: %v\n%s", err, out)
	}
	want("demo.a hello")
	out, err := python(t, "pub", path, "system.a", "hello").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "reserved (20)") {
		t.Errorf("pub on a reserved topic: %v\n%s", err, out)
	}
	stop()
	want("# goodbye: shutdown (40): the broker is shutting down")
	if err := sub.Wait(); err != nil {
		t.Error(err)
	}
}

// python returns the command that runs client.py with args.
func python(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed:", err)
	}
	if out, err := exec.Command(interpreter, "-c", "import sys; sys.exit(sys.version_info < (3, 10))").CombinedOutput(); err != nil {
		t.Skipf("python3 is older than 3.10: %v %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{filepath.Join("testdata", "client.py")}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}

// servePython runs a server on a temporary socket until stop, or the end of
// the test, and checks that no message buffer is left over.
func servePython(t *testing.T, o ipc.Options) (path string, stop func()) {
	t.Helper()
	b, err := router.New(router.Options{Urgent: []string{"urgent.#"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	o.Path = filepath.Join(t.TempDir(), "d", "x.sock")
	o.Ready = func(path string) { ready <- path }
	go func() { done <- ipc.Serve(ctx, b, o) }()
	select {
	case path = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-done; !errors.Is(err, ipc.ErrServerClosed) {
			t.Error(err)
		}
		if n := b.Engine().Pool().Live(); n != 0 {
			t.Errorf("%d bytes of buffers are still held", n)
		}
	})
	return path, stop
}

// partner is the Go side of the conformance test: it does what the Python side requests
// on the targets below "partner".
type partner struct {
	plain, compressing *ipc.Client
	taken              chan string   // payloads on python.#
	hanging, cancelled chan struct{} // what became of the request for partner.hang
}

func newPartner(t *testing.T, path string) {
	t.Helper()
	p := &partner{
		plain:       dialPython(t, ipc.ClientOptions{Path: path, Name: "partner"}),
		compressing: dialPython(t, ipc.ClientOptions{Path: path, Name: "compressing", Compress: frame.FlagS2}),
		taken:       make(chan string, 1000),
		hanging:     make(chan struct{}, 1),
		cancelled:   make(chan struct{}, 1),
	}
	_, err := p.plain.Subscribe(t.Context(), router.Subscription{
		Patterns: []string{"python.#"},
		Handler:  func(m *router.Message) { p.taken <- string(m.Payload) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for target, h := range map[string]router.Responder{
		"partner.publish": p.publish,
		"partner.take":    p.take,
		"partner.ask":     p.ask,
		"partner.echo":    func(_ context.Context, r *router.Request) ([]byte, error) { return bytes.Clone(r.Payload), nil },
		"partner.fail": func(context.Context, *router.Request) ([]byte, error) {
			return nil, &router.Fault{Code: 2000, Text: "not today"}
		},
		"partner.hang":      p.hang,
		"partner.hanging":   func(ctx context.Context, _ *router.Request) ([]byte, error) { return nil, await(ctx, p.hanging) },
		"partner.cancelled": func(ctx context.Context, _ *router.Request) ([]byte, error) { return nil, await(ctx, p.cancelled) },
	} {
		if _, err := p.plain.Respond(t.Context(), target, h); err != nil {
			t.Fatal(err)
		}
	}
}

func dialPython(t *testing.T, o ipc.ClientOptions) *ipc.Client {
	t.Helper()
	c, err := ipc.DialOptions(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// publish publishes Count messages of Size bytes, which begin with their number,
// and answers when all of them are routed.
func (p *partner) publish(ctx context.Context, r *router.Request) ([]byte, error) {
	var order struct {
		Topic       string
		Count, Size int
		Compress    bool
	}
	if err := json.Unmarshal(r.Payload, &order); err != nil {
		return nil, err
	}
	from := p.plain
	if order.Compress {
		from = p.compressing
	}
	pub, err := from.Publisher(order.Topic)
	if err != nil {
		return nil, err
	}
	payload := bytes.Repeat([]byte("a"), order.Size)
	for n := range order.Count {
		copy(payload, fmt.Sprintf("%08d", n))
		if err := pub.Publish(payload); err != nil {
			return nil, err
		}
	}
	return nil, from.Flush(ctx)
}

// take answers with as many payloads from python.# as it is asked for, in JSON.
func (p *partner) take(ctx context.Context, r *router.Request) ([]byte, error) {
	count, err := strconv.Atoi(string(r.Payload))
	if err != nil {
		return nil, err
	}
	got := make([]string, 0, count)
	for range count {
		select {
		case s := <-p.taken:
			got = append(got, s)
		case <-ctx.Done():
			return nil, fmt.Errorf("only %q came: %w", got, ctx.Err())
		}
	}
	return json.Marshal(got)
}

// ask sends a request, with the rest of the payload, to the target that the first word of
// the payload names, and answers with the reply.
func (p *partner) ask(ctx context.Context, r *router.Request) ([]byte, error) {
	target, question, _ := strings.Cut(string(r.Payload), " ")
	reply, err := p.plain.Request(ctx, target, []byte(question))
	if failed := new(router.Fault); errors.As(err, &failed) {
		return fmt.Appendf(nil, "%d %s", failed.Code, failed.Text), nil
	}
	return reply.Payload, err
}

// hang answers nothing until it is cancelled.
func (p *partner) hang(ctx context.Context, _ *router.Request) ([]byte, error) {
	p.hanging <- struct{}{}
	<-ctx.Done()
	p.cancelled <- struct{}{}
	return nil, ctx.Err()
}

func await(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
