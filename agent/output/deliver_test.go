package output_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
)

func TestNothingIsLostWhileAReceiverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		r.set(func([]output.Item) (int, error) { return 0, errDown })
		m, _ := start(t, j, nil, spec("a", r))
		want := j.Raise(250, alert.High)
		time.Sleep(time.Hour) // of the bubble's clock: nothing waits for it
		synctest.Wait()
		s := status(t, m, "a")
		if s.Health.State != control.Degraded || !strings.Contains(s.Health.Reason, "down") {
			t.Errorf("health %v, want degraded, because it is down", s.Health)
		}
		if s.Lag != 250 || s.LastError != "down" || s.NextTry.IsZero() {
			t.Errorf("lag %d, last error %q, next try %v", s.Lag, s.LastError, s.NextTry)
		}
		// Doubling from 1 s to 1 min with a jitter of a half: about 60 attempts, and never
		// fewer than one in one and a half minutes.
		if n := r.attempts(); n < 40 || n > 140 {
			t.Errorf("%d attempts in an hour", n)
		}
		r.mu.Lock()
		for i, size := range r.sizes[5:] {
			if size != 1 {
				t.Errorf("attempt %d had %d items, want 1 after many failures", i+6, size)
				break
			}
		}
		r.mu.Unlock()
		r.set(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("what came, in order (-want +got):\n%s", diff)
		}
		if s := status(t, m, "a"); s.Health.State != control.Healthy || s.Lag != 0 || s.Alerts != 250 {
			t.Errorf("afterwards %+v", s)
		}
	})
}

func TestPartOfABatchIsNotSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		r.set(func(items []output.Item) (int, error) { return min(3, len(items)), errDown })
		want := j.Raise(10, alert.Low)
		start(t, j, nil, spec("a", r))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAReceiverGetsTheTimeThatItAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		r.set(func([]output.Item) (int, error) { return 0, &output.DelayError{After: 10 * time.Minute, Err: errDown} })
		j.Raise(1, alert.Low)
		start(t, j, nil, spec("a", r))
		synctest.Wait()
		r.set(nil)
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		if n := r.attempts(); n != 1 {
			t.Errorf("%d attempts within ten minutes, want 1", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(r.items()); n != 1 {
			t.Errorf("%d items after ten minutes, want 1", n)
		}
	})
}

func TestARefusedItemIsReplacedByANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		r.set(func(items []output.Item) (int, error) {
			for i, it := range items {
				if it.Kind == output.KindAlert && it.Seq == 3 {
					return i, &output.RefusedError{Reason: "too large"}
				}
			}
			return len(items), nil
		})
		j.Raise(5, alert.Low)
		m, _ := start(t, j, nil, spec("a", r))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want := []string{"alert 1", "alert 2", "refused 0", "alert 4", "alert 5"}
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s := status(t, m, "a"); s.Refused != 1 || s.Lag != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAReceiverThatNeverTookAnythingLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		r.set(func([]output.Item) (int, error) { return 0, &output.RefusedError{Reason: "no such channel"} })
		want := j.Raise(3, alert.Low)
		start(t, j, nil, spec("a", r))
		time.Sleep(24 * time.Hour)
		r.set(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWhatFellOutOfTheJournalIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		j.Raise(10, alert.Low)
		j.Retain(4)
		m, _ := start(t, j, nil, spec("a", r))
		synctest.Wait()
		want := []string{"alerts-missed 6", "alert 7", "alert 8", "alert 9", "alert 10"}
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s := status(t, m, "a"); s.Missed != 6 || s.Health.State != control.Unhealthy {
			t.Errorf("status %+v", s)
		}
		time.Sleep(5 * time.Minute)
		if s := status(t, m, "a"); s.Health.State != control.Healthy {
			t.Errorf("health five minutes later %v", s.Health)
		}
	})
}

func TestAJournalThatCannotBeReadIsReadLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		j.Break(errDown)
		m, _ := start(t, j, nil, spec("a", r))
		time.Sleep(time.Minute)
		if s := status(t, m, "a"); s.Health.State != control.Degraded {
			t.Errorf("health %v", s.Health)
		}
		j.Break(nil)
		want := j.Raise(3, alert.Low)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAStopBetweenSendAndCursorSendsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		broken := &unsaved{Journal: j}
		want := j.Raise(3, alert.Low)
		_, stop := start(t, broken, nil, spec("a", r))
		synctest.Wait()
		stop()
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		ids := map[string]bool{}
		for _, it := range r.items() {
			ids[it.ID] = true
		}
		start(t, j, nil, spec("a", r))
		synctest.Wait()
		again := r.items()[3:]
		if len(again) != 3 {
			t.Fatalf("%d items after the next start, want 3", len(again))
		}
		for _, it := range again {
			if !ids[it.ID] {
				t.Errorf("%s has another id than before", titleOf(it))
			}
		}
	})
}

// unsaved is a journal that forgets cursors.
type unsaved struct{ *outputtest.Journal }

func (u *unsaved) SetCursor(string, uint64) error { return nil }

func TestANewOutputBeginsWhereTheJournalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh(), newReceiver()
		j.Raise(3, alert.Low)
		r.set(func([]output.Item) (int, error) { return 0, errDown })
		_, stop := start(t, j, nil, spec("a", r))
		synctest.Wait()
		want := j.Raise(2, alert.Low)
		time.Sleep(time.Second)
		stop() // it has sent nothing yet
		r.set(nil)
		start(t, j, nil, spec("a", r))
		synctest.Wait()
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAnOutputGetsTheLevelsAndRecordsThatItWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := fresh("all", "high", "one", "updates")
		j.Raise(1, alert.Low)
		j.Raise(1, alert.High)
		j.Raise(1, alert.Critical)
		silenced := outputtest.Alert(9, alert.Critical)
		silenced.Silenced = "01JDPZ9Q2G0123456789ABCDEG"
		j.Append(alert.KindRaised, silenced)
		j.Append(alert.KindRepeated, silenced.Brief())
		repeat := outputtest.Alert(2, alert.High).Brief()
		repeat.Count = 7
		j.Append(alert.KindRepeated, repeat)
		receivers := map[string]*receiver{}
		specs := map[string]output.Spec{}
		for _, name := range []string{"all", "high", "one", "updates"} {
			receivers[name] = newReceiver()
			specs[name] = spec(name, receivers[name])
		}
		high, one, updates := specs["high"], specs["one"], specs["updates"]
		high.MinLevel, one.Topics, updates.Updates = alert.High, []string{"alerts.low"}, true
		m, _ := start(t, j, nil, specs["all"], high, one, updates)
		synctest.Wait()
		want := map[string][]string{
			"all": {"alert 1", "alert 2", "alert 3"}, "high": {"alert 2", "alert 3"}, "one": {"alert 1"},
			"updates": {"alert 1", "alert 2", "alert 3", "alert 2 ×7"},
		}
		for name, r := range receivers {
			if diff := cmp.Diff(want[name], r.titles()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if s := status(t, m, name); s.Lag != 0 {
				t.Errorf("%s has a lag of %d behind records that it does not want", name, s.Lag)
			}
		}
	})
}

func TestASilencedAlertIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("all"), newReceiver()
		all := spec("all", r)
		all.Updates = true
		j.Raise(1, alert.High)
		silenced := outputtest.Alert(2, alert.Critical)
		silenced.Silenced = "id of a silence"
		j.Append(alert.KindRaised, silenced)
		j.Append(alert.KindRepeated, silenced.Brief())
		j.Raise(1, alert.High)
		m, _ := start(t, j, nil, all)
		synctest.Wait()
		if diff := cmp.Diff([]string{"alert 1", "alert 4"}, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s := status(t, m, "all"); s.Lag != 0 {
			t.Errorf("it has a lag of %d", s.Lag)
		}
	})
}

func TestADeadOutputDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, dead, alive := fresh("dead", "alive"), newReceiver(), newReceiver()
		dead.hold = func(ctx context.Context, _ []output.Item) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		start(t, j, nil, spec("dead", dead), spec("alive", alive))
		synctest.Wait()
		began := time.Now()
		want := j.Raise(500, alert.Low)
		synctest.Wait()
		if d := time.Since(began); d != 0 {
			t.Errorf("the clock has moved by %v", d)
		}
		if diff := cmp.Diff(want, alive.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestATestIsSentWhileAnOutputWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		r.set(func([]output.Item) (int, error) { return 0, errDown })
		j.Raise(1, alert.Low)
		m, _ := start(t, j, nil, spec("a", r))
		time.Sleep(time.Hour)
		if err := m.Test(t.Context(), "a"); err == nil || err.Error() != "down" {
			t.Errorf("test of a receiver that is down: %v", err)
		}
		r.set(nil)
		if err := m.Test(t.Context(), "a"); err != nil {
			t.Errorf("test: %v", err)
		}
		synctest.Wait() // the alert follows at once
		if diff := cmp.Diff([]string{"test 0", "alert 1"}, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := m.Test(t.Context(), "b"); err != output.ErrUnknown {
			t.Errorf("test of an output that there is not: %v", err)
		}
	})
}
