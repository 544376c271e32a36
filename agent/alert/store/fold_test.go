package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// hands is a clock that a test sets. Safe for concurrent use.
type hands struct {
	mu sync.Mutex
	at time.Time // guarded by mu
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func clock() *hands { return &hands{at: began} }

func quiet(t *testing.T, f *fixture, field, value string) *alert.Silence {
	t.Helper()
	s, err := f.Silence(t.Context(), alert.Silence{Reason: "noise", By: "alice", Until: time.Now().Add(24 * time.Hour), Match: []alert.Condition{{Field: field, Value: value}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRepeatsFoldIntoOneAlert(t *testing.T) {
	c := clock()
	f := open(t, store.Options{Now: c.now})
	for i := range 100 {
		a := sample("a", "key")
		a.Last = began.Add(time.Duration(i) * time.Second)
		f.Submit(a)
	}
	f.raisedAlerts(1)
	f.Submit(sample("a", "other key"))
	f.Submit(sample("b", ""))
	f.Submit(sample("b", ""))
	f.raisedAlerts(4)
	c.move(2 * time.Second)
	f.await("the count", func() bool {
		return cmp.Equal([]string{"b 1 open", "b 1 open", "a 1 open", "a 100 open"}, f.titles(store.Filter{}))
	})
	all, _, err := f.Query(store.Filter{})
	if err != nil || !all[3].Last.Equal(began.Add(99*time.Second)) || !all[3].First.Equal(began) {
		t.Errorf("%+v: %v", all[3], err)
	}
	// An output sees the repeats too.
	records := f.records()
	last := records[len(records)-1]
	if last.Kind != alert.KindRepeated || last.Alert.Count != 100 || last.Alert.Event != nil || last.Alert.Rule.Level != alert.High {
		t.Errorf("the last record is %+v", last)
	}
}

// TestTheWindowBeginsWithTheRaise, and a clock that jumps ends it.
func TestTheWindowBeginsWithTheRaise(t *testing.T) {
	for _, tt := range []struct {
		name string
		move time.Duration
		want int
	}{
		{"inside", 59 * time.Minute, 1}, {"at its end", time.Hour, 2}, {"a year ahead", 365 * 24 * time.Hour, 2},
		{"a little back", -59 * time.Minute, 1}, {"a year back", -365 * 24 * time.Hour, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clock()
			dir := filepath.Join(t.TempDir(), "data")
			f := open(t, store.Options{Dir: dir, Now: c.now})
			f.Submit(sample("a", "key"))
			f.raisedAlerts(1)
			for reopened := range 2 { // the same after a restart
				if reopened == 1 {
					if err := f.Close(); err != nil {
						t.Fatal(err)
					}
					f = open(t, store.Options{Dir: dir, Now: c.now})
				} else {
					c.move(tt.move)
				}
				f.Submit(sample("a", "key"))
				f.Submit(sample("marker", ""))
				f.await("the marker", func() bool { return len(f.titles(store.Filter{Rule: "marker"})) == reopened+1 })
				if got := f.titles(store.Filter{Rule: "id of a"}); len(got) != tt.want {
					t.Errorf("alerts are %v, want %d", got, tt.want)
				}
				if err := f.Check(); err != nil {
					t.Error(err)
				}
			}
			all := f.records()
			for i := 1; i < len(all); i++ {
				if all[i].Seq <= all[i-1].Seq || all[i].Kind == alert.KindRaised && all[i-1].Kind == alert.KindRaised && all[i].Alert.ID.Compare(all[i-1].Alert.ID) <= 0 {
					t.Errorf("record %d does not come after %d", all[i].Seq, all[i-1].Seq)
				}
			}
		})
	}
}

// TestAFloodOfOneRuleHarmsNoOther: with a key of its own for each event it takes its own
// share of what counts repeats, and is one alert from the burst on.
func TestAFloodOfOneRuleHarmsNoOther(t *testing.T) {
	c := clock()
	f := open(t, store.Options{Now: c.now, Limits: store.Limits{Folds: 40, Burst: 25, BurstWindow: time.Minute}})
	for i := range 20 {
		f.Submit(sample(fmt.Sprint("other ", i), "key "+fmt.Sprint(i)))
	}
	for i := range 10_000 {
		f.Submit(sample("flood", fmt.Sprint("flood ", i)))
	}
	for i := range 20 {
		f.Submit(sample(fmt.Sprint("other ", i), "key "+fmt.Sprint(i)))
	}
	f.raisedAlerts(20 + 25 + 1)
	c.move(2 * time.Second)
	f.await("counts", func() bool {
		return strings.Count(strings.Join(f.titles(store.Filter{Rule: "other"}), ","), " 2 open") == 20
	})
	var flood []*alert.Alert
	f.await("the flood's count", func() bool { // nothing of it vanished
		var err error
		flood, _, err = f.Query(store.Filter{Rule: "flood", Limit: 1000})
		total := uint64(0)
		for _, a := range flood {
			total += a.Count
		}
		return err == nil && total == 10_000
	})
	if a := flood[0]; len(flood) != 26 || len(a.Incomplete) != 1 || a.Incomplete[0] != store.IncompleteBurst {
		t.Errorf("%d alerts; the one that stands for it says %q", len(flood), a.Incomplete)
	}
	if s := f.Stats(); s.Folds > 40 || s.Evicted == 0 || s.Bursts != 10_000-25 {
		t.Errorf("%+v", s)
	}
}

// TestACountOutlivesItsFold: what is pushed out has its count written.
func TestACountOutlivesItsFold(t *testing.T) {
	f := open(t, store.Options{Limits: store.Limits{Folds: 4, Burst: -1}})
	for i := range 50 {
		f.Submit(sample("a", fmt.Sprint("key ", i)))
		f.Submit(sample("a", fmt.Sprint("key ", i)))
	}
	f.raisedAlerts(50)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: f.dir})
	for _, title := range f.titles(store.Filter{Limit: 100}) {
		if title != "a 2 open" {
			t.Errorf("got %s", title)
		}
	}
}

func TestALongRepeatCostsFewLines(t *testing.T) {
	c := clock()
	f := open(t, store.Options{Now: c.now})
	f.Submit(sample("a", "key"))
	f.raisedAlerts(1)
	for range 300 { // of a second each
		f.Submit(sample("a", "key"))
		c.move(time.Second)
		f.Submit(sample("a", "key"))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: f.dir})
	if got := f.titles(store.Filter{}); !cmp.Equal([]string{"a 601 open"}, got) {
		t.Errorf("got %v", got)
	}
	if n := len(f.records()); n > 15 {
		t.Errorf("%d lines", n)
	}
}

// TestAClockThatJumpsIsNotBelievedForADay, so that nothing is removed because of its age.
func TestAClockThatJumpsIsNotBelievedForADay(t *testing.T) {
	var s store.Steady
	wall, real := began, time.Now()
	for i, step := range []struct {
		wall, real time.Duration
		want       bool
	}{
		{0, 0, true}, {time.Minute, time.Minute, true}, {50 * time.Minute, time.Second, true}, // a small correction
		{10 * 365 * 24 * time.Hour, time.Second, false}, {23 * time.Hour, 23 * time.Hour, false}, {2 * time.Hour, 2 * time.Hour, true},
		{-3 * time.Hour, time.Second, false},
	} {
		wall, real = wall.Add(step.wall), real.Add(step.real)
		if got := s.Trusted(wall, real); got != step.want {
			t.Errorf("step %d: believed: %v", i, got)
		}
	}
}

// TestWhatCannotBeRaisedTakesNoRepeats: the next alert with its key is raised.
func TestWhatCannotBeRaisedTakesNoRepeats(t *testing.T) {
	f := open(t, store.Options{})
	bad := sample("a", "key")
	bad.Event = []byte("{")
	f.Submit(bad)
	f.await("drop", func() bool { return f.Stats().Dropped == 1 })
	f.Submit(sample("a", "key"))
	f.raisedAlerts(1)
}
