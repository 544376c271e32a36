package nats_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// build builds a server from the module in testdata, once.
var build = sync.OnceValues(func() (path string, err error) {
	dir, err := os.MkdirTemp("", "nats-server")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "nats-server")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/nats-io/nats-server/v2")
	c.Dir = filepath.Join("testdata", "server")
	if out, err := c.CombinedOutput(); err != nil {
		return path, fmt.Errorf("%v: %s", err, out)
	}
	return path, nil
})

// server is a process of the real server with a folder of its own.
type server struct {
	t      *testing.T
	config string
	log    string
	port   int
	cmd    *exec.Cmd // nil while it does not run
}

// newServer starts a server. extra is more configuration.
func newServer(t *testing.T, extra string) *server {
	t.Helper()
	if _, err := build(); err != nil {
		t.Skipf("no server to test with: its module cannot be built here: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &server{t: t, config: filepath.Join(dir, "server.conf"), log: filepath.Join(dir, "log"), port: l.Addr().(*net.TCPAddr).Port}
	_ = l.Close()
	text := fmt.Sprintf("listen: 127.0.0.1:%d\nlog_file: %q\njetstream { store_dir: %q }\n%s\n", s.port, s.log, dir, extra)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	path, _ := build()
	s.cmd = exec.Command(path, "-c", s.config)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	end := time.Now().Add(guard)
	for {
		c, err := net.Dial("tcp", s.address())
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(s.log)
			s.t.Fatalf("the server does not listen: %s", log)
		}
		time.Sleep(10 * time.Millisecond) // until the process listens
	}
}

// kill ends the process as a crash does.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// stream makes a stream of subjects below daemoneye, and returns it.
func (s *server) stream(o ...nats.Option) jetstream.Stream {
	s.t.Helper()
	c, err := nats.Connect("nats://"+s.address(), append(o, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), guard)
	defer cancel()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "DAEMONEYE", Subjects: []string{"daemoneye.>"}, Storage: jetstream.FileStorage, Duplicates: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return stream
}

// all returns what is in the stream, in order: subject, a space, and Nats-Msg-Id.
func all(t *testing.T, s jetstream.Stream) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	info, err := s.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n := info.State.FirstSeq; n <= info.State.LastSeq && info.State.Msgs > 0; n++ {
		m, err := s.GetMsg(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimPrefix(m.Subject, "daemoneye.")+" "+m.Header.Get("Nats-Msg-Id"))
	}
	return got
}
