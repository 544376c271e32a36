package syslog_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/leodido/go-syslog/v4/rfc5424"
	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/secret"
	"github.com/daemoneye/eventbus/agent/output/syslog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guard is how long a test waits for what must come.
const guard = 30 * time.Second

func sink(t *testing.T, address string, files secret.TLS) *syslog.Sink {
	t.Helper()
	s := syslog.New(syslog.Options{Address: address, TLS: files, Facility: "local3", Host: "web 1", PID: 42, Line: format.JSON})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func send(t *testing.T, s *syslog.Sink, all []output.Item) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	if n, err := s.Send(ctx, all); n != len(all) || err != nil {
		t.Fatalf("%d of %d, %v", n, len(all), err)
	}
}

// id returns the id of a message, which has to be one of RFC 5424 in every part.
func id(t *testing.T, text string) string {
	t.Helper()
	parsed, err := rfc5424.NewParser().Parse([]byte(text))
	if err != nil {
		t.Errorf("%v in %q", err, text)
		return ""
	}
	m := parsed.(*rfc5424.SyslogMessage)
	if *m.Facility != 19 || *m.Severity != 3 || *m.Hostname != "web_1" || *m.Appname != "daemoneye" || *m.ProcID != "42" || *m.MsgID != "alert" {
		t.Errorf("header of %q", text)
	}
	p := (*m.StructuredData)["daemoneye@32473"]
	if p["topic"] != "alerts.high" || p["level"] != "high" || p["seq"] == "" || p["seq"] == p["id"] {
		t.Errorf("structured data %v", p)
	}
	return p["id"]
}

// read reads n messages with octet counting, fewer at the end.
func read(t *testing.T, r *bufio.Reader, n int) (ids []string) {
	t.Helper()
	for len(ids) < n {
		var size int
		if _, err := fmt.Fscanf(r, "%d ", &size); err != nil {
			return ids
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			return ids
		}
		ids = append(ids, id(t, string(b)))
	}
	return ids
}

func numbers(from, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(from+i))
	}
	return all
}

func accept(t *testing.T, l net.Listener) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(guard)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// reading accepts one connection, reads n messages of it and closes it, all beside the test:
// what a Send sends fits into the kernel only as far as somebody reads it.
func reading(t *testing.T, l net.Listener, n int) <-chan []string {
	got := make(chan []string, 1)
	go func() { // ends with l, or with the deadline
		c, err := l.Accept()
		if err != nil {
			got <- nil
			return
		}
		_ = c.SetDeadline(time.Now().Add(guard))
		all := read(t, bufio.NewReader(c), n)
		_ = c.Close()
		got <- all
	}()
	return got
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestMessagesArriveInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	cert, key, pair := outputtest.Certificate(t)
	tcp, inner := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
	tests := []struct {
		name, address string
		l             net.Listener
		files         secret.TLS
	}{
		{"tcp", "tcp://" + tcp.Addr().String(), tcp, secret.TLS{}},
		{"tls", "tls://" + inner.Addr().String(), tls.NewListener(inner, config), secret.TLS{CA: cert, Cert: cert, Key: key}},
		{"unix", "unix:" + path, listen(t, "unix", path), secret.TLS{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reading(t, tt.l, 300)
			s := sink(t, tt.address, tt.files)
			for i := range 3 {
				send(t, s, outputtest.Items(t, i*100, 100))
			}
			if diff := cmp.Diff(numbers(0, 300), <-got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDatagrams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, at := range []struct{ network, address, prefix string }{{"unixgram", path, "unix:"}, {"udp", "127.0.0.1:0", "udp://"}} {
		t.Run(at.network, func(t *testing.T) {
			c, err := net.ListenPacket(at.network, at.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			s := sink(t, at.prefix+c.LocalAddr().String(), secret.TLS{})
			large := outputtest.Items(t, 3, 1)[0]
			large.Body = slices.Concat(large.Body[:len(large.Body)-1], []byte(`,"pad":"`), slices.Repeat([]byte("x"), 70000), []byte(`"}`))
			b := make([]byte, 200<<10)
			for i, it := range append(outputtest.Items(t, 0, 3), large) {
				send(t, s, []output.Item{it})
				if err := c.SetReadDeadline(time.Now().Add(guard)); err != nil {
					t.Fatal(err)
				}
				n, _, err := c.ReadFrom(b)
				if err != nil {
					t.Fatal(err)
				}
				text := string(b[:n])
				if got := id(t, text); got != fmt.Sprint(i) {
					t.Errorf("message %s, want %d", got, i)
				}
				if i == 3 && at.network == "udp" && !strings.Contains(text, "] 2026-11-27T12:00:00Z high alert 3 on web1") {
					t.Errorf("one that is too large for a datagram: %.300q", text)
				}
			}
		})
	}
}

func TestAReceiverThatIsKilledLosesNothing(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	s := sink(t, "tcp://"+l.Addr().String(), secret.TLS{})
	send(t, s, outputtest.Items(t, 0, 30)) // 16 KB: the kernel takes all of it while nobody reads
	c, r := accept(t, l)
	got := read(t, r, 10)
	if err := c.Close(); err != nil { // with bytes unread, as when its process is killed
		t.Fatal(err)
	}
	select {
	case <-s.Broken():
	case <-time.After(guard):
		t.Fatal("the sink does not notice")
	}
	rest := reading(t, l, 35)
	send(t, s, nil)
	send(t, s, outputtest.Items(t, 30, 5))
	got = append(got, <-rest...)
	slices.SortFunc(got, func(a, b string) int { return (len(a)-len(b))*1000 + strings.Compare(a, b) })
	if diff := cmp.Diff(numbers(0, 35), slices.Compact(got)); diff != "" {
		t.Errorf("what came at least once (-want +got):\n%s", diff)
	}
}

func TestAReceiverThatClosesInOrderGetsNothingTwice(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	s := sink(t, "tcp://"+l.Addr().String(), secret.TLS{})
	var got []string
	for i := range 4 {
		some := reading(t, l, 50)
		send(t, s, outputtest.Items(t, i*50, 50))
		got = append(got, <-some...)
		end := time.Now().Add(guard)
		for !syslog.Ended(s) { // else the next items go into a connection that ends
			if time.Now().After(end) {
				t.Fatal("the sink does not notice")
			}
			time.Sleep(time.Millisecond)
		}
	}
	if diff := cmp.Diff(numbers(0, 200), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAReceiverThatDoesNotReadHasNothing(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	s := sink(t, "tcp://"+l.Addr().String(), secret.TLS{})
	big := outputtest.Items(t, 0, 1)
	big[0].Body = slices.Concat([]byte(`{"x":"`), slices.Repeat([]byte("x"), 32<<20), []byte(`"}`)) // more than both kernels hold
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if n, err := s.Send(ctx, big); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d, %v, want nothing taken in time", n, err)
	}
}

func TestAReceiverThatIsNotThere(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	gone := l.Addr().String()
	_ = l.Close()
	_, _, pair := outputtest.Certificate(t)
	other, _, _ := outputtest.Certificate(t)
	wrong := tls.NewListener(listen(t, "tcp", "127.0.0.1:0"), &tls.Config{Certificates: []tls.Certificate{pair}})
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			c, err := wrong.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	for _, tt := range []struct {
		address string
		files   secret.TLS
	}{
		{"tcp://" + gone, secret.TLS{}}, {"unix:/nonexistent", secret.TLS{}}, {"what://x", secret.TLS{}},
		{"tls://" + wrong.Addr().String(), secret.TLS{CA: other}}, // signed by somebody else
		{"tls://" + wrong.Addr().String(), secret.TLS{CA: "/nonexistent"}},
	} {
		if n, err := sink(t, tt.address, tt.files).Send(t.Context(), outputtest.Items(t, 0, 1)); n != 0 || err == nil {
			t.Errorf("%s: %d, %v, want an error", tt.address, n, err)
		}
	}
	_ = wrong.Close()
	<-accepting
}
