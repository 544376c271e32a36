package connector

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
)

// skipUnlessLittleEndian is for bytes that were taken on a little-endian machine:
// the connector uses the order of the host.
func skipUnlessLittleEndian(t *testing.T) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes are those of a little-endian machine")
	}
}

// TestReports parses the messages of testdata/reports: a note, what to expect,
// an empty line, and the bytes in hex with comments.
func TestReports(t *testing.T) {
	skipUnlessLittleEndian(t)
	paths, err := filepath.Glob("testdata/reports/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			note, expect, b := readReport(t, path)
			var got []string
			for rest := b; len(rest) > 0; {
				var r Message
				var err error
				if r, rest, err = Next(rest); err != nil {
					if !errors.Is(err, errMessage) {
						t.Errorf("error %v, want %v", err, errMessage)
					}
					got = append(got, "malformed")
					break
				}
				if r.TimeNs != 3522808146640 {
					t.Errorf("time %d", r.TimeNs)
				}
				got = append(got, text(r))
			}
			if diff := cmp.Diff(expect, strings.Join(got, "; ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", note, diff)
			}
		})
	}
}

func readReport(t *testing.T, path string) (note, expect string, b []byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(file), "\n\n")
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "note":
			note = value
		case "expect":
			expect = value
		default:
			t.Fatalf("%s: unknown key %q", path, key)
		}
	}
	for line := range strings.Lines(body) {
		digits, _, _ := strings.Cut(line, "#")
		part, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b = append(b, part...)
	}
	return note, expect, b
}

// text is what the files of testdata/reports expect.
func text(r Message) string {
	where := fmt.Sprintf("cpu=%d seq=%d", r.CPU, r.Seq)
	switch r.Kind {
	case report.Ack:
		return fmt.Sprintf("ack value=%d ack=%d %s", r.Value, r.ack, where)
	case report.Fork:
		return fmt.Sprintf("fork pid=%d thread=%d parent=%d %s", r.PID, r.Thread, r.Parent, where)
	case report.Exec:
		return fmt.Sprintf("exec pid=%d thread=%d %s", r.PID, r.Thread, where)
	case report.UID:
		return fmt.Sprintf("uid pid=%d thread=%d value=%d %s", r.PID, r.Thread, r.Value, where)
	case report.GID:
		return fmt.Sprintf("gid pid=%d thread=%d value=%d %s", r.PID, r.Thread, r.Value, where)
	case report.Exit:
		return fmt.Sprintf("exit pid=%d thread=%d value=%d %s", r.PID, r.Thread, r.Value, where)
	}
	return "other " + where
}

func TestRequest(t *testing.T) {
	skipUnlessLittleEndian(t)
	const want = "28000000" + "0300" + "0000" + "00000000" + "00000000" + // netlink header
		"01000000" + "01000000" + "00000000" + "67120000" + "0400" + "0000" + // connector header
		"01000000" // listen
	if diff := cmp.Diff(want, hex.EncodeToString(appendRequest(nil, requestListen, 4711))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// BenchmarkNext parses a message.
func BenchmarkNext(b *testing.B) {
	m := Append(nil, Message{Report: report.Report{Kind: report.Exec, Thread: 1, PID: 1}})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Next(m); err != nil {
			b.Fatal(err)
		}
	}
}
