package proc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
)

func TestParseStat(t *testing.T) {
	const tail = " S 4242 1 1 0 -1 4194304 0 0 0 0 7 5 0 0 20 0 3 0 230918 0 42 0 1 1 140724092034960 0 0"
	ordinary := Stat{CPUTicks: 12, RSSPages: 42, State: 'S', PPID: 4242, Threads: 3, StartTicks: 230918, Stack: 140724092034960}
	named := func(name string) Stat {
		s := ordinary
		s.Name = []byte(name)
		return s
	}
	tests := []struct {
		name string
		in   string
		want Stat
		ok   bool
	}{
		{"an ordinary one", "4711 (sleep)" + tail, named("sleep"), true},
		{"a name with a space", "4711 (tmux: server)" + tail, named("tmux: server"), true},
		{"a name that looks like the rest", "4711 (a) R 1 (b)" + tail, named("a) R 1 (b"), true},
		{"a name that looks like the whole file", "4711 (a\n1 (b) Z 0)" + tail, named("a\n1 (b) Z 0"), true},
		{"an empty name", "4711 ()" + tail, named(""), true},
		{"a thread of the kernel", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0 0 0 0 0 0 0",
			Stat{Name: []byte("kthreadd"), State: 'S', Kernel: true, Threads: 1, StartTicks: 24}, true},
		{"in the middle of an exec", "4711 (sh) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0 0 0 140724092034960 0 0",
			Stat{Name: []byte("sh"), State: 'R', PPID: 1, Threads: 1, StartTicks: 5, Loading: true}, true},
		{"the leader is being taken down", "4711 (sh) R 1 1 1 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 2 0 5 0 0 0 1 1 7 0 0",
			Stat{Name: []byte("sh"), State: 'R', PPID: 1, Exiting: true, Threads: 2, StartTicks: 5, Stack: 7}, true},
		{"the leader has ended, other threads have not", "4711 (sh) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 5 0 0 0 0 0 0 0 0",
			Stat{Name: []byte("sh"), State: 'Z', PPID: 1, Threads: 2, StartTicks: 5}, true},
		{"nothing", "", Stat{}, false},
		{"no name", "4711 S 1", Stat{}, false},
		{"parentheses the wrong way round", "4711 )(" + tail, Stat{}, false},
		{"nothing behind the name", "4711 (sleep)", Stat{}, false},
		{"too few fields", "4711 (sleep) S 4242 1 1", Stat{Name: []byte("sleep"), State: 'S', PPID: 4242}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseStat([]byte(tt.in))
			if ok != tt.ok {
				t.Fatalf("ok %v, want %v", ok, tt.ok)
			}
			if diff := cmp.Diff(tt.want, got); ok && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnded(t *testing.T) {
	tests := []struct {
		name string
		in   Stat
		want bool
	}{
		{"running", Stat{State: 'R', Threads: 1}, false},
		{"a zombie", Stat{State: 'Z', Threads: 1}, true},
		{"dead", Stat{State: 'X'}, true},
		{"only the leader has ended", Stat{State: 'Z', Threads: 4}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.in.Ended(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestStatAgreesWithProcfs reads every process of this host with both parsers.
func TestStatAgreesWithProcfs(t *testing.T) {
	r, err := NewReader("/proc")
	if err != nil {
		t.Fatal(err)
	}
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, p := range all {
		want, err := p.Stat()
		if err != nil {
			continue // ended meanwhile
		}
		got, ok, err := r.Stat(uint32(p.PID))
		if err != nil {
			t.Fatal(err)
		}
		if !ok || want.Comm != string(got.Name) {
			continue // ended or ran another program meanwhile
		}
		compared++
		if uint32(want.PPID) != got.PPID || want.Starttime != got.StartTicks || uint64(want.StartStack) != got.Stack ||
			(want.Flags&flagKernelThread != 0) != got.Kernel {
			t.Errorf("pid %d: got %+v, procfs says %+v", p.PID, got, want)
		}
	}
	if compared == 0 {
		t.Error("no process could be compared")
	}
}
