package manager_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// asked is what collectors answer when they are asked; nil is well.
type asked struct {
	mu  sync.Mutex
	err error    // guarded by mu
	all []string // guarded by mu
}

func (a *asked) ask(what string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, what)
	return a.err
}

func (a *asked) Check(context.Context, string) error    { return a.ask("check") }
func (a *asked) Pause(context.Context, string) error    { return a.ask("pause") }
func (a *asked) Resume(context.Context, string) error   { return a.ask("resume") }
func (a *asked) Shutdown(context.Context, string) error { return a.ask("shutdown") }

// do carries out an operation, and holds the state after it or the error.
func do(t *testing.T, what string, f func(context.Context, string) (manager.Result, error), want control.CollectorState, wantErr string) manager.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := f(ctx, "good")
	if wantErr != "" {
		if err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: error %v, want %s", what, err, wantErr)
		}
		return got
	}
	if err != nil || got.Status.State != want {
		t.Errorf("%s: it is %s, %v; want %s", what, got.Status.State, err, want)
	}
	return got
}

func TestOperationsOnACollector(t *testing.T) {
	a := &asked{}
	r := run(t, manager.Options{Caller: a}, "good")
	first := r.await(control.CollectorRunning)
	m := r.m
	stop := func(ctx context.Context, name string) (manager.Result, error) { return m.Stop(ctx, name, 0) }
	do(t, "start", m.Start, "", "the collector is running")
	do(t, "resume", m.Resume, "", "the collector is running")
	do(t, "pause", m.Pause, control.CollectorPaused, "")
	do(t, "pause again", m.Pause, "", "the collector is paused")
	do(t, "resume", m.Resume, control.CollectorRunning, "")
	second := do(t, "restart", m.Restart, control.CollectorRunning, "")
	if second.Status.PID == first.PID || second.Status.Restarts != 0 || second.Status.LastExit != "" {
		t.Errorf("after a restart it is %+v, before it was pid %d", second.Status, first.PID)
	}
	if got := do(t, "stop", stop, control.CollectorStopped, ""); got.Killed || got.Exit != "ended by itself" {
		t.Errorf("it stopped as %+v", got)
	}
	r.checkGone(second.Status.PID)
	do(t, "stop again", stop, "", "the collector is stopped")
	do(t, "kill", m.Kill, "", "the collector is stopped")
	do(t, "start", m.Start, control.CollectorRunning, "")
	if got := do(t, "kill", m.Kill, control.CollectorStopped, ""); !got.Killed || got.Exit != "signal: killed" {
		t.Errorf("it was killed as %+v", got)
	}
	if _, err := m.Start(t.Context(), "other"); !errors.Is(err, manager.ErrUnknown) {
		t.Errorf("one that is not there: %v", err)
	}
	r.stop()
	if _, err := m.Start(t.Context(), "good"); !errors.Is(err, manager.ErrEnding) {
		t.Errorf("after the end: %v", err)
	}
}

func TestACollectorThatDoesNotWantToPauseGoesOn(t *testing.T) {
	a := &asked{err: errors.New("not now")}
	r := run(t, manager.Options{Caller: a}, "good")
	r.await(control.CollectorRunning)
	if got := do(t, "pause", r.m.Pause, "", "it was not paused: not now"); got.Status.State != control.CollectorRunning {
		t.Errorf("it is %+v", got.Status)
	}
}

func TestAStartThatFailsIsToldAndTriedAgain(t *testing.T) {
	o := quick(1)
	r := run(t, o, "crashing")
	r.await(control.CollectorGaveUp)
	_, err := r.m.Start(t.Context(), "crashing")
	var failed *manager.StartError
	if !errors.As(err, &failed) || failed.Reason != "exit status 3: cannot go on" {
		t.Errorf("start: %v", err)
	}
	r.await(control.CollectorGaveUp) // after it had its restart again
	if s := r.m.Status()[0]; s.NextTry.Before(time.Now()) {
		t.Errorf("it is tried again at %s", s.NextTry)
	}
}

// TestTheSecondOfTwoOperatorsWins has one stop a collector that another one starts: the one
// that came first gets an error, and nothing hangs.
func TestTheSecondOfTwoOperatorsWins(t *testing.T) {
	r := run(t, manager.Options{Life: life.Options{StopTimeout: time.Hour}}, "stubborn")
	pid := r.await(control.CollectorRunning).PID
	first := make(chan error, 1)
	go func() { // awaited below
		_, err := r.m.Stop(context.Background(), "stubborn", 0)
		first <- err
	}()
	r.await(control.CollectorStopping)
	if _, err := r.m.Restart(canceled(), "stubborn"); !errors.Is(err, context.Canceled) {
		t.Errorf("restart: %v", err)
	}
	if err := <-first; !errors.Is(err, manager.ErrSuperseded) {
		t.Errorf("stop: %v", err)
	}
	kill(t, pid, unix.SIGKILL)
	if s := r.await(control.CollectorRunning); s.PID == pid {
		t.Errorf("it is %+v", s)
	}
	if _, err := r.m.Kill(t.Context(), "stubborn"); err != nil {
		t.Error(err)
	}
}

// TestManyOperatorsAtOnce have a collector do everything: each gets an answer, and in the end
// it is what the last one wants.
func TestManyOperatorsAtOnce(t *testing.T) {
	a := &asked{}
	r := run(t, manager.Options{Caller: a}, "good")
	r.await(control.CollectorRunning)
	var operators sync.WaitGroup
	for i := range 8 {
		operators.Go(func() {
			for j := range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				var err error
				switch (i + j) % 5 {
				case 0:
					_, err = r.m.Start(ctx, "good")
				case 1:
					_, err = r.m.Stop(ctx, "good", 0)
				case 2:
					_, err = r.m.Restart(ctx, "good")
				case 3:
					_, err = r.m.Pause(ctx, "good")
				case 4:
					_, err = r.m.Resume(ctx, "good")
				}
				cancel()
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("operation %d got no answer", (i+j)%5)
				}
			}
		})
	}
	operators.Wait()
	if s := r.m.Status()[0]; s.State == control.CollectorRunning {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if got, err := r.m.Restart(ctx, "good"); err != nil || got.Status.State != control.CollectorRunning && got.Status.State != control.CollectorPaused {
		t.Errorf("in the end it is %+v, %v", got.Status, err)
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
