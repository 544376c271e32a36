package hostid_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/agent/hostid"
)

const machine = "0123456789abcdef0123456789abcdef"

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func id(t *testing.T, s hostid.Source) string {
	t.Helper()
	id, err := s.ID()
	if err != nil {
		t.Fatal(err)
	}
	if !uuid.MatchString(id) {
		t.Errorf("%q is no UUID", id)
	}
	return id
}

// TestTheIDComesFromTheMachineID, always the same one, and does not show it.
func TestTheIDComesFromTheMachineID(t *testing.T) {
	s := hostid.Source{Machine: []string{filepath.Join(t.TempDir(), "missing"), file(t, "uninitialized\n"), file(t, machine+"\n")}}
	// It must not change from one version to the next.
	if got := id(t, s); got != "f8c8ec40-600b-49ef-bbe0-fade006b6ebe" {
		t.Errorf("the id is %s", got)
	}
	other := hostid.Source{Machine: []string{file(t, strings.Replace(machine, "0", "1", 1))}}
	if a, b := id(t, s), id(t, other); a == b || strings.Contains(strings.ReplaceAll(a, "-", ""), machine[:8]) {
		t.Errorf("ids %s and %s", a, b)
	}
}

// TestWithoutAMachineIDARandomOneIsKept, and all who start at the same time agree.
func TestWithoutAMachineIDARandomOneIsKept(t *testing.T) {
	for name, text := range map[string]string{
		"none": "", "an empty one": "\n", "zeros": strings.Repeat("0", 32), "too short": "abc", "no digits": strings.Repeat("x", 32),
	} {
		t.Run(name, func(t *testing.T) {
			s := hostid.Source{Machine: []string{file(t, text)}, Stored: filepath.Join(t.TempDir(), "state", "host-id")}
			var all [8]string
			var starting sync.WaitGroup
			for i := range all {
				starting.Go(func() { all[i], _ = s.ID() })
			}
			starting.Wait()
			for _, got := range all {
				if got != id(t, s) {
					t.Errorf("ids %q", all)
				}
			}
			left, err := os.ReadDir(filepath.Dir(s.Stored))
			if err != nil || len(left) != 1 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestAnIDThatCannotBeKeptIsAnError(t *testing.T) {
	for name, stored := range map[string]string{"a folder that is a file": file(t, "") + "/host-id", "a file that holds no id": file(t, "hello")} {
		s := hostid.Source{Machine: []string{}, Stored: stored}
		a, err := s.ID()
		b, _ := s.ID()
		if !errors.Is(err, hostid.ErrNotStored) || !uuid.MatchString(a) || a == b {
			t.Errorf("%s: %s and %s, %v", name, a, b, err)
		}
	}
}
