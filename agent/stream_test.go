package agent_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// stream is a collector that numbers its events, and takes other settings while it observes.
type stream struct {
	name string
	door adjust.Door[*streamSettings]
	in   atomic.Pointer[streamSettings] // in force
	n    uint64                         // of the last event; owned by Run
}

// streamSettings show what a stream does.
type streamSettings struct {
	Note string `json:"note"`
	// What it does with these settings: refuse when they are checked, refuse or hang or die
	// when they are to be put in force, or need a fresh start.
	Then string `json:"then"`
}

func newStream(c control.ChildConfig) (collector.Collector, error) {
	s := &stream{name: c.Collector, door: adjust.NewDoor[*streamSettings]()}
	own := new(streamSettings)
	if len(c.Settings) > 0 {
		if err := json.Unmarshal(c.Settings, own); err != nil {
			return nil, err
		}
	}
	if own.Then == "refuse-check" {
		return nil, errors.New("the note is not to its taste")
	}
	s.in.Store(own)
	return s, nil
}

// settings returns those of a stream.
func streamOf(name, note, then string) control.ChildConfig {
	return control.ChildConfig{Collector: name, Settings: control.Payload(streamSettings{note, then})}
}

func (s *stream) Name() string     { return s.name }
func (s *stream) Describe() string { return "note " + s.in.Load().Note }

func (s *stream) Adjust(ctx context.Context, next collector.Collector) error {
	n := next.(*stream).in.Load()
	switch n.Then {
	case "fresh":
		return collector.ErrFresh
	case "refuse":
		return errors.New("it has changed its mind")
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	case "die":
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	return s.door.Through(ctx, func(*streamSettings) error { s.in.Store(n); return nil })
}

// Succeed implements collector.Adjustable.
func (s *stream) Succeed(before collector.Collector) { s.n = before.(*stream).n }

// Run emits a number a millisecond.
func (s *stream) Run(ctx context.Context, emit collector.Emit) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.n++
		emit(collector.Message{Topic: "events." + s.name + ".x", Payload: binary.LittleEndian.AppendUint64(nil, s.n)})
		select {
		case <-ctx.Done():
			return nil
		case call := <-s.door.Calls():
			call(s.in.Load())
		case <-tick.C:
		}
	}
}

// listener follows the events of a stream, of which none may be missing.
type listener struct {
	t       *testing.T
	last    atomic.Uint64 // number
	mistake atomic.Pointer[string]
}

func (l *listener) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.mistake.CompareAndSwap(nil, &text)
}

// listen follows all of a stream, listenTo only what a pattern matches of it.
func listen(t *testing.T, c *ipc.Client, name string) *listener {
	t.Helper()
	return listenTo(t, c, name, "events."+name+".#")
}

func listenTo(t *testing.T, c *ipc.Client, name, pattern string) *listener {
	t.Helper()
	l := &listener{t: t}
	_, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{pattern}, Handler: func(m *router.Message) {
		switch {
		case m.Gap != nil:
			l.fail("the queue of the subscription was full")
		case string(m.Topic()) == "events."+name+".gap":
			l.fail("a gap was announced: %s", lossOf(t, m).Body.Reason)
		default:
			n, before := binary.LittleEndian.Uint64(m.Payload), l.last.Load()
			if before != 0 && n != before+1 {
				l.fail("event %d came after %d", n, before)
			}
			l.last.Store(n)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	l.more("the first events")
	return l
}

// more waits for further events.
func (l *listener) more(what string) {
	l.t.Helper()
	n := l.last.Load()
	eventually(l.t, "further events: "+what, func() bool { return l.last.Load() > n+10 })
}

// whole holds that nothing was missed until now.
func (l *listener) whole(what string) {
	l.t.Helper()
	l.more(what)
	if text := l.mistake.Load(); text != nil {
		l.t.Errorf("%s: %s", what, *text)
	}
}
