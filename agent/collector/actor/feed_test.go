package actor_test

import (
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// announced is an event of the process collector.
func announced(op event.Operation, pid uint32, ticks uint64, exe string) []byte {
	e := event.Process{
		Header: event.Header{Operation: op, PID: pid, StartTicks: ticks},
		Actor: event.Actor{
			Name: "tool", Executable: exe, CommandLine: exe + "\x00-v\x00", Directory: "/srv", UID: event.Known(7), GID: event.Known(8), LoginUID: event.Known(1000),
			Container: "c", Unit: "u.service", PPID: 10, ParentStartTicks: 3, ParentName: "sh", ParentExecutable: "/bin/sh", ParentCommandLine: "sh -c tool",
			Ancestors: [event.MaxAncestors]event.Ancestor{{PID: 1, Name: "init", Executable: "/sbin/init"}},
		},
	}
	return e.Append(nil)
}

func TestWhatAFeedKnows(t *testing.T) {
	f := actor.NewFeed()
	f.Take([]byte("no event"))
	f.Take(announced(event.OpStart, 100, 500, "/bin/a"))
	want := actor.Process{
		PID: 100, PPID: 10, StartTicks: 500, UID: 7, GID: 8, Login: 1000,
		Image:  proc.Image{Name: "tool", Executable: "/bin/a", CommandLine: "/bin/a\x00-v\x00", Directory: "/srv"},
		Cgroup: proc.Cgroup{Container: "c", Unit: "u.service"},
		Above: actor.Lineage{
			{PID: 10, StartTicks: 3, Name: "sh", Executable: "/bin/sh", CommandLine: "sh -c tool"},
			{PID: 1, Name: "init", Executable: "/sbin/init"},
		},
	}
	got, ok := f.Find(100, 500, false)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(actor.Process{})); !ok || diff != "" {
		t.Errorf("known %v (-want +got):\n%s", ok, diff)
	}
	for _, tt := range []struct {
		name  string
		take  []byte
		ticks uint64
		want  string
	}{
		{"its pid alone", nil, 0, "/bin/a"},
		{"another process with its pid", nil, 501, ""},
		{"a second program", announced(event.OpStart, 100, 500, "/bin/b"), 500, "/bin/b"},
		{"after its end", announced(event.OpExit, 100, 500, "/bin/b"), 500, "/bin/b"},
		{"the end of an earlier one", announced(event.OpExit, 100, 400, "/bin/x"), 0, "/bin/b"},
		{"the pid is in use again", announced(event.OpFork, 100, 900, "/bin/c"), 0, "/bin/c"},
		{"and the one before is not known", nil, 500, ""},
	} {
		f.Take(tt.take)
		if p, ok := f.Find(100, tt.ticks, false); p.Image.Executable != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, want %q", tt.name, p.Image.Executable, tt.want)
		}
	}
	var none *actor.Feed
	if _, ok := none.Find(100, 0, true); ok {
		t.Error("no feed knows somebody")
	}
}

// TestAFeedIsBounded, and keeps the latest.
func TestAFeedIsBounded(t *testing.T) {
	f := actor.NewFeed()
	const n = 20_000
	for i := range uint32(n) {
		f.Take(announced(event.OpStart, 1+i, 5, "/bin/a"))
		f.Take(announced(event.OpStart, n+1, 5, "/bin/often"))
	}
	known := 0
	for i := range uint32(n) {
		if _, ok := f.Find(1+i, 5, false); ok {
			known++
		}
	}
	if _, ok := f.Find(n, 5, false); !ok || known == 0 || known > 10_000 {
		t.Errorf("%d are known, the last one %v", known, ok)
	}
}

// TestAFeedWaitsForWhatIsOnItsWay, but not for ever, and not again and again in vain.
func TestAFeedWaitsForWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := actor.NewFeed()
		go func() {
			time.Sleep(20 * time.Millisecond)
			f.Take(announced(event.OpStart, 99, 5, "/bin/other"))
			f.Take(announced(event.OpStart, 100, 5, "/bin/a"))
		}()
		if p, ok := f.Find(100, 0, true); !ok || p.Image.Executable != "/bin/a" {
			t.Errorf("%q, %v", p.Image.Executable, ok)
		}
		began := time.Now()
		for range 1000 {
			if _, ok := f.Find(7, 0, true); ok {
				t.Fatal("who never came is known")
			}
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("a thousand that never come took %v", took)
		}
		time.Sleep(2 * time.Second) // then it is tried again
		go func() { f.Take(announced(event.OpStart, 7, 5, "/bin/b")) }()
		if _, ok := f.Find(7, 0, true); !ok {
			t.Error("it did not wait again")
		}
	})
}

// TestAProgramThatEndedIsKnownByTheFeed, with its pid, and not another one.
func TestAProgramThatEndedIsKnownByTheFeed(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	f := newFinder(t)
	f.Feed = actor.NewFeed()
	pid := uint32(cmd.Process.Pid)
	var c clock.Clock
	c.Adjust()
	f.Feed.Take(announced(event.OpStart, pid, c.Ticks(clock.Mono()), "/bin/true"))
	p := f.Find(pid)
	if p.Image.Executable != "/bin/true" || p.Above[1] == nil || p.Above[1].Name != "init" || p.Flags != 0 {
		t.Errorf("found %+v", p)
	}
}
