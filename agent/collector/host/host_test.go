package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/event"
)

func TestABootID(t *testing.T) {
	want := [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	tests := []struct {
		name, content string
		want          [16]byte
	}{
		{"as the kernel writes it", "00112233-4455-6677-8899-aabbccddeeff\n", want},
		{"empty", "", [16]byte{}},
		{"too short", "no id\n", [16]byte{}},
		{"no digits", "zz112233-4455-6677-8899-aabbccddeeff\n", [16]byte{}},
	}
	for _, tt := range tests {
		root := t.TempDir()
		path := filepath.Join(root, "sys/kernel/random/boot_id")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(tt.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := host.BootID(root); got != tt.want {
			t.Errorf("%s: %x, want %x", tt.name, got, tt.want)
		}
	}
	if got := host.BootID(t.TempDir()); got != [16]byte{} {
		t.Errorf("where it is hidden: %x, want zeros", got)
	}
}

func TestWhatIsEmptyIsOfThisMachine(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Skip("this machine has no name:", err)
	}
	want := host.Host{Root: "/proc", Name: name, Passwd: "/etc/passwd"}
	if diff := cmp.Diff(want, host.Host{}.Complete()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	full := host.Host{Root: "/a", Name: "b", Passwd: "/c", ID: "d", Labels: []event.Pair{{Name: "env", Value: "prod"}}}
	if diff := cmp.Diff(full, full.Complete()); diff != "" {
		t.Errorf("what is given stays (-want +got):\n%s", diff)
	}
	got := full.Origin("process")
	if diff := cmp.Diff(event.Origin{Host: "b", HostID: "d", Labels: full.Labels, Collector: "process"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
