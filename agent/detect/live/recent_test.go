package live

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// proc is a process of a test: its start is its pid times ten.
func proc(t testing.TB, at int64, pid, parent uint32, args string) event.View {
	t.Helper()
	e := event.Process{
		Header: event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: pid, StartTicks: uint64(pid) * 10, MonoNs: at, WallNs: at, Sequence: uint64(at)},
		Actor:  event.Actor{CommandLine: args, PPID: parent, ParentStartTicks: uint64(parent) * 10, Executable: "/bin/x"},
	}
	return parsed(t, e.Append(nil))
}

func parsed(t testing.TB, b []byte) event.View {
	t.Helper()
	v, err := event.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// lines returns the command lines of events as JSON.
func lines(t testing.TB, all [][]byte) (texts []string) {
	t.Helper()
	for _, b := range all {
		var e struct {
			Process struct {
				CommandLine string `json:"command_line"`
			} `json:"process"`
		}
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, e.Process.CommandLine)
	}
	return texts
}

func TestTheContextIsOfTheFamily(t *testing.T) {
	r := newRecent(1 << 20)
	shell := func(at int64, pid uint32, args string) event.View {
		e := event.Process{
			Header: event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: pid, StartTicks: uint64(pid) * 10, MonoNs: at, WallNs: at, Sequence: uint64(at)},
			Actor:  event.Actor{CommandLine: args, PPID: 100, ParentStartTicks: 1000, Ancestors: [event.MaxAncestors]event.Ancestor{{PID: 50}, {PID: 1}}},
		}
		return parsed(t, e.Append(nil))
	}
	for _, v := range []event.View{
		proc(t, 1, 1, 0, "init"), proc(t, 2, 50, 1, "sshd"), proc(t, 3, 51, 1, "cron"),
		proc(t, 4, 100, 50, "bash"), proc(t, 5, 101, 100, "curl"), proc(t, 6, 200, 51, "job"), shell(7, 102, "sh"),
		proc(t, 8, 103, 102, "child of sh"), proc(t, 9, 104, 103, "grandchild"),
	} {
		r.add(v)
	}
	got := lines(t, r.around(shell(7, 102, "sh"), 10))
	if want := []string{"sshd", "bash", "curl", "child of sh"}; !slices.Equal(got, want) {
		t.Errorf("context %q, want %q", got, want)
	}
	got = lines(t, r.around(shell(7, 102, "sh"), 2))
	if want := []string{"curl", "child of sh"}; !slices.Equal(got, want) {
		t.Errorf("the last two are %q, want %q", got, want)
	}
	if got := r.around(proc(t, 3, 51, 1, "cron"), 10); len(got) != 1 {
		t.Errorf("what init started is a family: %q", lines(t, got))
	}
}

// TestAPidThatIsUsedAgainIsAnotherProcess: the start tells them apart.
func TestAPidThatIsUsedAgainIsAnotherProcess(t *testing.T) {
	r := newRecent(1 << 20)
	before := event.Process{Header: event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: 100, StartTicks: 7, MonoNs: 1}, Actor: event.Actor{CommandLine: "before"}}
	r.add(parsed(t, before.Append(nil)))
	r.add(proc(t, 2, 100, 50, "now"))
	if got := lines(t, r.around(proc(t, 3, 100, 50, "now"), 9)); !slices.Equal(got, []string{"now"}) {
		t.Errorf("context %q", got)
	}
}

// TestThePastIsWhatAListWouldKeep compares with a list of which the oldest are cut off:
// what is kept is the newest events, whole and in order.
func TestThePastIsWhatAListWouldKeep(t *testing.T) {
	p := newPast(20_000)
	rng := rand.New(rand.NewPCG(1, 2))
	var all []event.View
	for i := range 3000 {
		v := proc(t, int64(i), uint32(i+3), 1, fmt.Sprintf("%0*d", 1+rng.IntN(3000), i))
		all = append(all, v)
		p.add(note{sequence: uint64(i)}, v)
		if p.count == 0 || p.count > len(all) {
			t.Fatalf("after %d events there are %d", len(all), p.count)
		}
		total := 0
		for j := range p.count {
			n, want := p.newest(j), all[len(all)-1-j]
			if !slices.Equal(p.view(n), want) || n.sequence != want.Sequence() {
				t.Fatalf("event %d from the end of %d is another", j, len(all))
			}
			total += len(want)
		}
		if i > 100 && total < 20_000-2*4000 && p.count < len(p.notes) {
			t.Fatalf("after %d events only %d bytes are used", i, total)
		}
	}
}

func TestAFloodOfOneTypeLeavesTheOthers(t *testing.T) {
	r := newRecent(1 << 16)
	r.add(proc(t, 1, 100, 50, "bash"))
	for i := range 1000 {
		e := event.Filesystem{
			Header: event.Header{Type: event.TypeFilesystem, Operation: event.OpModify, PID: 100, StartTicks: 1000, MonoNs: int64(i + 2), Sequence: uint64(i)},
			Body:   event.File{Path: "/etc/x"},
		}
		r.add(parsed(t, e.Append(nil)))
	}
	if r.byType[event.TypeProcess].count != 1 {
		t.Error("changes of files pushed the start of the process out")
	}
}

func TestWhatIsTooLargeIsNotKept(t *testing.T) {
	p := newPast(256)
	p.add(note{}, proc(t, 1, 3, 1, "a"))
	p.add(note{}, proc(t, 2, 3, 1, fmt.Sprintf("%4000d", 1)))
	if p.count > 1 {
		t.Errorf("%d events are kept", p.count)
	}
}

func TestKeepingAnEventDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r, v := newRecent(1<<18), proc(t, 1, 100, 50, "curl http://example.org")
	if n := testing.AllocsPerRun(2000, func() { r.add(v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkKeep(b *testing.B) {
	r, v := newRecent(4<<20), proc(b, 1, 100, 50, "curl http://example.org")
	for b.Loop() {
		r.add(v)
	}
}

// BenchmarkAround is a search through all that is kept, and twenty events as JSON.
func BenchmarkAround(b *testing.B) {
	r := newRecent(4 << 20)
	for i := range 20_000 {
		r.add(proc(b, int64(i), uint32(i%400+100), uint32(i%7+50), "curl http://example.org"))
	}
	v := proc(b, 1, 100, 50, "curl http://example.org")
	for b.Loop() {
		r.around(v, 20)
	}
}
