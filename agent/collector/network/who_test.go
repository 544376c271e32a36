package network

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestAPidThatAnotherProcessHasNow is not taken for it: what a record says of the one that
// called is all that is known.
func TestAPidThatAnotherProcessHasNow(t *testing.T) {
	f := newFixture(t)
	own := *f.finder.Find(uint32(os.Getpid()))
	r := record{by: caller{pid: own.PID, parent: 7, uid: 1234, gid: 1235, startTicks: own.StartTicks, name: "before"}}
	if p := f.who(&r); p.Image.Executable == "" || p.StartTicks != own.StartTicks || p.UID != 1234 {
		t.Errorf("the process itself is shown as %+v", p)
	}
	r.by.startTicks--
	p := f.who(&r)
	if p.PID != own.PID || p.StartTicks != r.by.startTicks || p.PPID != 7 || p.Image.Name != "before" || p.UID != 1234 ||
		p.Image.Executable != "" || p.Image.CommandLine != "" || !p.Flags.Has(event.ExecutableUnread|event.CommandLineUnread) {
		t.Errorf("one that had its pid before is shown as %+v", p)
	}
}

// TestAClockThatWasSetIsReadAgain with whatever comes next: a clock that was never read is as
// wrong as one that somebody has set since.
func TestAClockThatWasSetIsReadAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		next func(f *fixture) error
		ago  int64 // ns before that
	}{
		"a look": {func(f *fixture) error { return f.look(everything, 0) }, 0},
		"an end": {func(f *fixture) error {
			return f.tracker.take(message(&socket{local: address4(4711), remote: address4(80)}, attribute(attributeProtocol, []byte{unix.IPPROTO_TCP})))
		}, 0},
		"a query that expires": {func(f *fixture) error { f.expireQueries(); return nil }, answerIn + 1},
	} {
		f := newFixture(t)
		f.set(1, stateListen, 80, 0)
		before := time.Now().UnixNano()
		f.queries = &queries{waiting: map[asked]*query{{}: {timeNs: clock.Mono() - answerIn - 1}}}
		if err := tt.next(f); err != nil {
			t.Fatal(err)
		}
		if at, after := f.last.WallNs+tt.ago, time.Now().UnixNano(); at < before || at > after {
			t.Errorf("%s: the event is of %d, want %d to %d", name, at, before, after)
		}
	}
}
