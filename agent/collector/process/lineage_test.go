package process

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/event"
)

// ancestorsOf has the host's events kept as "pid: name of the parent < name < …",
// with what is unread about them.
func ancestorsOf(h *machine) *[]string {
	names := event.MustField(event.TableProcess, "process.ancestors.name")
	seen := new([]string)
	h.sink = func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		var above []string
		for i := range v.Len(names) {
			above = append(above, string(v.Item(names, i)))
		}
		line := fmt.Sprintf("%v %d: %s", v.Operation(), v.PID(), strings.Join(above, " < "))
		switch {
		case v.Unread(names):
			line += " unread"
		case v.Partial(names):
			line += " partial"
		}
		*seen = append(*seen, line)
	}
	return seen
}

// chain are processes of which each is the child of the one before, from pid 1 on.
func chain(n int) (all []task) {
	for i := range n {
		all = append(all, task{
			pid: uint32(1 + i), ppid: uint32(i), ticks: uint64(10 + i), stack: uint64(0x100 + i),
			name: fmt.Sprintf("p%d", i+1), exe: fmt.Sprintf("/bin/p%d", i+1),
		})
	}
	return all
}

func TestAncestors(t *testing.T) {
	tests := []struct {
		name  string
		story func(h *machine)
		want  []string
	}{
		{
			name: "up to five above the parent, the nearest first",
			story: func(h *machine) {
				for _, p := range chain(8) {
					h.set(p)
				}
				h.snapshot()
			},
			want: []string{
				"snapshot 1: ", "snapshot 2: p1", "snapshot 3: p2 < p1", "snapshot 4: p3 < p2 < p1", "snapshot 5: p4 < p3 < p2 < p1",
				"snapshot 6: p5 < p4 < p3 < p2 < p1", "snapshot 7: p6 < p5 < p4 < p3 < p2 < p1", "snapshot 8: p7 < p6 < p5 < p4 < p3 < p2",
			},
		},
		{
			name: "an ancestor that has ended is still named, at the start of a grandchild and at the end",
			story: func(h *machine) {
				h.set(systemd)
				h.set(shell)
				h.snapshot()
				h.fork(200, 100)
				h.set(h.sleeping(200))
				h.exec(200)
				h.remove(100)
				h.exit(100, 0)
				h.settle()
				h.fork(300, 200)
				p := h.sleeping(300)
				p.ppid, p.name, p.args, p.exe = 200, "id", "id", "/bin/id"
				h.set(p)
				h.exec(300)
				h.remove(300)
				h.exit(300, 0)
			},
			want: []string{
				"snapshot 1: ", "snapshot 100: systemd", "start 200: bash < systemd", "exit 100: systemd",
				"start 300: sleep < bash < systemd", "exit 300: sleep < bash < systemd",
			},
		},
		{
			name: "an ancestor that runs another program is what it was, and what it is for later children",
			story: func(h *machine) {
				h.set(systemd)
				h.set(shell)
				h.snapshot()
				h.fork(200, 100)
				h.set(h.sleeping(200))
				h.exec(200)
				p := shell
				p.name, p.args, p.exe = "python", "python", "/bin/python"
				h.set(p)
				h.exec(100)
				h.fork(300, 100)
				child := h.sleeping(300)
				h.set(child)
				h.exec(300)
				h.remove(200)
				h.exit(200, 0)
			},
			want: []string{
				"snapshot 1: ", "snapshot 100: systemd", "start 200: bash < systemd", "start 100: systemd",
				"start 300: python < systemd", "exit 200: bash < systemd",
			},
		},
		{
			name: "the chain ends where a parent is not known, and says so down to five below",
			story: func(h *machine) {
				for _, p := range chain(9)[1:] { // 1 is hidden
					h.set(p)
				}
				h.snapshot()
			},
			want: []string{
				"snapshot 2:  unread", "snapshot 3: p2 partial", "snapshot 4: p3 < p2 partial", "snapshot 5: p4 < p3 < p2 partial",
				"snapshot 6: p5 < p4 < p3 < p2 partial", "snapshot 7: p6 < p5 < p4 < p3 < p2 partial",
				"snapshot 8: p7 < p6 < p5 < p4 < p3 < p2", "snapshot 9: p8 < p7 < p6 < p5 < p4 < p3",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			got := ancestorsOf(h)
			tt.story(h)
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAncestorsAreShared, so that a deep tree costs a pointer a process and level.
func TestAncestorsAreShared(t *testing.T) {
	h := newHost(t)
	for _, p := range chain(6) {
		h.set(p)
	}
	h.snapshot()
	seen := map[*actor.Ancestor]bool{}
	for _, rec := range h.table {
		for _, a := range rec.Above {
			if a != nil {
				seen[a] = true
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d ancestors for a chain of 6 processes, want 5", len(seen))
	}
}

// TestTheDeadAreForgotten: a process that is succeeded by its child again and again
// must not keep all that came before it.
func TestTheDeadAreForgotten(t *testing.T) {
	h := newHost(t)
	h.sink = func(collector.Message) {}
	h.set(shell)
	h.snapshot()
	for pid := uint32(100); pid < 300; pid++ {
		h.fork(pid+1, pid)
		h.set(h.subshell(pid + 1))
		h.exec(pid + 1)
		h.remove(pid)
		h.exit(pid, 0)
		h.settle()
	}
	if len(h.table) != 1 {
		t.Fatalf("%d processes", len(h.table))
	}
	above := h.table[300].Above
	if !slices.ContainsFunc(above[:], func(a *actor.Ancestor) bool { return a.PID == 299 }) || slices.ContainsFunc(above[:], func(a *actor.Ancestor) bool { return a.PID < 290 }) {
		t.Error("the ancestors are not the last ones")
	}
}
