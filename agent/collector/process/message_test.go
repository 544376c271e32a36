package process

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
)

// skipUnlessLittleEndian is for bytes that were taken on a little-endian machine:
// the connector speaks the order of the host.
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
				var r report
				var err error
				if r, rest, err = nextReport(rest); err != nil {
					if !errors.Is(err, errMessage) {
						t.Errorf("error %v, want %v", err, errMessage)
					}
					got = append(got, "malformed")
					break
				}
				if r.timeNs != 3522808146640 {
					t.Errorf("time %d", r.timeNs)
				}
				got = append(got, r.String())
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

// String is what the files of testdata/reports expect.
func (r report) String() string {
	where := fmt.Sprintf("cpu=%d seq=%d", r.cpu, r.seq)
	switch r.what {
	case whatAck:
		return fmt.Sprintf("ack value=%d ack=%d %s", r.value, r.ack, where)
	case whatFork:
		return fmt.Sprintf("fork pid=%d thread=%d parent=%d %s", r.pid, r.thread, r.parent, where)
	case whatExec:
		return fmt.Sprintf("exec pid=%d thread=%d %s", r.pid, r.thread, where)
	case whatUID:
		return fmt.Sprintf("uid pid=%d thread=%d value=%d %s", r.pid, r.thread, r.value, where)
	case whatGID:
		return fmt.Sprintf("gid pid=%d thread=%d value=%d %s", r.pid, r.thread, r.value, where)
	case whatExit:
		return fmt.Sprintf("exit pid=%d thread=%d value=%d %s", r.pid, r.thread, r.value, where)
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

func TestExitStatus(t *testing.T) {
	tests := []struct {
		name         string
		status       uint32
		code, signal uint8
	}{
		{"success", 0, 0, 0},
		{"exit 3", 3 << 8, 3, 0},
		{"exit 255", 255 << 8, 255, 0},
		{"killed", 9, 128 + 9, 9},
		{"fault with a core", 0x8b, 128 + 11, 11},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitStatus(tt.status); got.Code != tt.code || got.Signal != tt.signal {
				t.Errorf("code %d signal %d, want %d and %d", got.Code, got.Signal, tt.code, tt.signal)
			}
		})
	}
}

func TestLosses(t *testing.T) {
	type note struct{ cpu, seq uint32 }
	tests := []struct {
		name  string
		notes []note
		want  uint64
	}{
		{"nothing was lost before the first report", []note{{0, 500}}, 0},
		{"no hole", []note{{0, 5}, {0, 6}, {0, 7}}, 0},
		{"each cpu counts for itself", []note{{0, 5}, {3, 90}, {0, 6}, {3, 91}}, 0},
		{"a hole is as large as the numbers that are missing", []note{{0, 5}, {0, 9}}, 3},
		{"holes of several cpus add up", []note{{0, 5}, {1, 5}, {0, 7}, {1, 8}}, 3},
		{"the count goes round", []note{{0, 1<<32 - 1}, {0, 0}}, 0},
		{"a hole across the end of the count", []note{{0, 1<<32 - 2}, {0, 1}}, 2},
		{"a count that begins anew is no loss", []note{{0, 900}, {0, 0}, {0, 1}}, 0},
		{"a cpu that cannot be is left alone", []note{{1<<32 - 1, 5}, {1<<32 - 1, 9}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l losses
			for _, n := range tt.notes {
				l.note(n.cpu, n.seq)
			}
			if got := l.take(); got != tt.want {
				t.Errorf("lost %d, want %d", got, tt.want)
			}
			if again := l.take(); again != 0 || l.total != tt.want {
				t.Errorf("after take: lost %d, total %d; want 0 and %d", again, l.total, tt.want)
			}
		})
	}
}
