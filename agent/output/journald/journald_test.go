package journald_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/journald"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const guard = 30 * time.Second

func item(t *testing.T, n int) output.Item {
	t.Helper()
	a := outputtest.Alert(n, alert.High)
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return output.Item{Kind: output.KindAlert, ID: fmt.Sprint(n), Seq: uint64(n), Topic: "alerts.high", Level: alert.High, Time: a.Raised, Body: body}
}

// listen is a journal with a socket of its own.
func listen(t *testing.T) (path string, c *net.UnixConn) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "socket")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(guard)); err != nil {
		t.Fatal(err)
	}
	return path, c
}

// receive returns the fields of the next entry, and whether it came in a file.
func receive(t *testing.T, c *net.UnixConn) (fields map[string]string, file bool) {
	t.Helper()
	b, oob := make([]byte, 1<<20), make([]byte, 64)
	n, on, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		t.Fatal(err)
	}
	b = b[:n]
	if on > 0 {
		all, err := unix.ParseSocketControlMessage(oob[:on])
		if err != nil {
			t.Fatal(err)
		}
		fds, err := unix.ParseUnixRights(&all[0])
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fds[0])
		if b, err = os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", fds[0])); err != nil {
			t.Fatal(err)
		}
		if seals, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GET_SEALS, 0); err != nil || seals&unix.F_SEAL_WRITE == 0 {
			t.Errorf("seals %x, %v: the journal takes no file that can be written", seals, err)
		}
		file = true
	}
	fields = map[string]string{}
	for len(b) > 0 {
		name, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok || len(rest) < 9 {
			t.Fatalf("torn at %.40q", b)
		}
		n := binary.LittleEndian.Uint64(rest)
		fields[string(name)], b = string(rest[8:8+n]), rest[8+n+1:]
	}
	return fields, file
}

func TestAnEntryHasItsFields(t *testing.T) {
	path, c := listen(t)
	s := journald.New(journald.Options{Path: path, JSON: true})
	defer s.Close()
	it := item(t, 7)
	if n, err := s.Send(t.Context(), []output.Item{it}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	got, _ := receive(t, c)
	want := map[string]string{
		"PRIORITY": "3", "SYSLOG_IDENTIFIER": "daemoneye", "DAEMONEYE_KIND": "alert", "DAEMONEYE_ID": "7", "DAEMONEYE_TOPIC": "alerts.high", "DAEMONEYE_LEVEL": "high",
		"DAEMONEYE_JSON": string(it.Body), "MESSAGE": "2026-11-27T12:00:00Z high alert 7 on web1: bash -i (pid 7) [" + outputtest.Alert(7, alert.High).ID.String() + "]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALargeEntryComesInAFile(t *testing.T) {
	path, c := listen(t)
	s := journald.New(journald.Options{Path: path, JSON: true})
	defer s.Close()
	it := item(t, 1)
	it.Body = []byte(`{"x":"` + strings.Repeat("x", 4<<20) + `"}`)
	if n, err := s.Send(t.Context(), []output.Item{it}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got, file := receive(t, c); !file || got["DAEMONEYE_JSON"] != string(it.Body) {
		t.Errorf("in a file: %v, %d bytes", file, len(got["DAEMONEYE_JSON"]))
	}
}

func TestAJournalThatRestartsOrDoesNotRead(t *testing.T) {
	path, c := listen(t)
	s := journald.New(journald.Options{Path: path})
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	taken := 0
	for { // until the socket is full
		n, err := s.Send(ctx, []output.Item{item(t, taken)})
		if taken += n; err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			break
		}
	}
	for i := range taken {
		if got, _ := receive(t, c); got["DAEMONEYE_ID"] != fmt.Sprint(i) {
			t.Fatalf("entry %s, want %d", got["DAEMONEYE_ID"], i)
		}
	}
	_ = c.Close()
	if n, err := s.Send(t.Context(), []output.Item{item(t, 0)}); n != 0 || err == nil {
		t.Errorf("without a journal: %d, %v", n, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	again, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n, err := s.Send(t.Context(), []output.Item{item(t, 5)}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got, _ := receive(t, again); got["DAEMONEYE_ID"] != "5" {
		t.Errorf("entry %s", got["DAEMONEYE_ID"])
	}
}
