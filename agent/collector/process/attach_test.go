package process

import (
	"os/exec"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
)

// TestNoBeginningIsRecordedWithoutItsEnd has processes begin and end before each of the
// kernel's programs is attached, and behind the last one.
func TestNoBeginningIsRecordedWithoutItsEnd(t *testing.T) {
	o := Options{Mode: ModeEBPF}
	skipUnlessPermitted(t, o)
	f, err := openPrograms(&o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	p := f.(*programs)
	r, err := p.loaded.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var last uint32
	ours := make(map[uint32]bool)
	runs := func() {
		t.Helper()
		cmd := exec.Command("/bin/true")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		last = uint32(cmd.Process.Pid)
		ours[last] = true
	}
	for _, name := range tracepoints {
		runs()
		if err := p.loaded.AttachTracepoints(name); err != nil {
			t.Fatal(err)
		}
	}
	runs()
	kinds := make(map[uint32][]report.Kind)
	x := records{ahead: p.ahead}
	if x.proc, err = proc.NewReader("/proc"); err != nil {
		t.Fatal(err)
	}
	if err := r.Read(mostRecords, func(b []byte) {
		if made, ok := x.parse(b); ok && ours[made.PID] {
			kinds[made.PID] = append(kinds[made.PID], made.Kind)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if got := kinds[last]; len(got) != 3 {
		t.Errorf("of the last one there are %x, want all three", got)
	}
	for pid, got := range kinds {
		if got[len(got)-1] != report.Exit {
			t.Errorf("process %d begins and does not end: %x", pid, got)
		}
	}
}
