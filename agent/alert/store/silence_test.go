package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

func TestASilencedAlertIsKeptAndMarked(t *testing.T) {
	f := open(t, store.Options{})
	for _, c := range []alert.Condition{
		{Field: "rule.id", Value: "id of by id"}, {Field: "rule.tag", Value: "attack.none"}, {Field: "process.name", Value: "zsh"},
		{Field: "process.command_line", Value: "bash * by command"}, {Field: "labels.env", Value: "test"},
	} {
		quiet(t, f, c.Field, c.Value)
	}
	for _, rule := range []string{"by id", "by command", "neither"} {
		f.Submit(sample(rule, ""))
	}
	for _, r := range f.raisedAlerts(3) {
		if got := r.Alert.Silenced != ""; got != (r.Alert.Rule.Title != "neither") {
			t.Errorf("%s is silenced: %v", r.Alert.Rule.Title, got)
		}
	}
	yes := true
	if got := f.titles(store.Filter{Silenced: &yes}); len(got) != 2 {
		t.Errorf("silenced are %v", got)
	}
}

// TestASilenceEnds by its time, by hand and while the store is closed: and what it had
// silenced is raised anew when it happens again. A clock that goes back does not revive it.
func TestASilenceEnds(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *fixture, *hands, *alert.Silence) *fixture{
		"by its time": func(_ *testing.T, f *fixture, c *hands, _ *alert.Silence) *fixture {
			c.move(31 * time.Minute)
			return f
		},
		"by hand": func(t *testing.T, f *fixture, _ *hands, s *alert.Silence) *fixture {
			if err := f.Unsilence(t.Context(), s.ID, "bob", "done"); err != nil {
				t.Error(err)
			}
			return f
		},
		"during a restart": func(t *testing.T, f *fixture, c *hands, _ *alert.Silence) *fixture {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			c.move(31 * time.Minute)
			return open(t, store.Options{Dir: f.dir, Now: c.now})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := clock()
			f := open(t, store.Options{Now: c.now})
			s, err := f.Silence(t.Context(), alert.Silence{Reason: "noise", Until: c.now().Add(30 * time.Minute), Match: []alert.Condition{{Field: "host.name", Value: "web*"}}})
			if err != nil {
				t.Fatal(err)
			}
			f.Submit(sample("a", "key"))
			f.raisedAlerts(1)
			f.Submit(sample("a", "key"))
			if got := f.titles(store.Filter{}); len(got) != 1 {
				t.Errorf("got %v", got)
			}
			f = end(t, f, c, s)
			if all := f.Silences(); len(all) != 0 {
				t.Errorf("silences are %+v", all)
			}
			f.Submit(sample("a", "key"))
			no := false
			f.await("an alert that is not silenced", func() bool {
				return cmp.Equal([]string{"a 1 open"}, f.titles(store.Filter{Silenced: &no}))
			})
			c.move(-10 * time.Minute)
			f.Submit(sample("b", ""))
			f.await("b", func() bool { return len(f.titles(store.Filter{Rule: "id of b", Silenced: &no})) == 1 })
		})
	}
}

func TestASilenceNeedsAReasonAndATarget(t *testing.T) {
	f := open(t, store.Options{})
	good := alert.Silence{Reason: "x", Until: time.Now().Add(time.Hour), Match: []alert.Condition{{Field: "rule.id", Value: "x"}}}
	for what, change := range map[string]func(*alert.Silence){
		"no reason": func(s *alert.Silence) { s.Reason = " " }, "no condition": func(s *alert.Silence) { s.Match = nil },
		"over already":    func(s *alert.Silence) { s.Until = time.Now().Add(-time.Hour) },
		"everything":      func(s *alert.Silence) { s.Match = []alert.Condition{{Field: "rule.id", Value: "**"}} },
		"all but one":     func(s *alert.Silence) { s.Match = []alert.Condition{{Field: "rule.id", Value: "x", Not: true}} },
		"too long a text": func(s *alert.Silence) { s.Reason = strings.Repeat("x", 2000) },
	} {
		s := good
		change(&s)
		if _, err := f.Silence(t.Context(), s); !errors.Is(err, alert.ErrSilence) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := f.Unsilence(t.Context(), "none", "x", ""); !errors.Is(err, store.ErrSilence) {
		t.Errorf("a silence that is not there ends: %v", err)
	}
}

func TestChangesThatChangeNothingAreRefused(t *testing.T) {
	f := open(t, store.Options{})
	f.Submit(sample("a", ""))
	id := f.raisedAlerts(1)[0].Alert.ID
	ctx := t.Context()
	for i, step := range []struct{ err, want error }{
		{f.Reopen(ctx, id, "x", ""), store.ErrStatus}, {f.Ack(ctx, id, "x", ""), nil}, {f.Ack(ctx, id, "x", ""), store.ErrStatus},
		{f.CloseAlert(ctx, id, "x", ""), nil}, {f.CloseAlert(ctx, id, "x", ""), store.ErrStatus}, {f.Ack(ctx, id, "x", ""), store.ErrStatus},
		{f.Reopen(ctx, id, "x", ""), nil}, {f.Note(ctx, id, "x", " "), store.ErrText}, {f.Note(ctx, id, "x", strings.Repeat("x", 5000)), store.ErrText},
		{f.Ack(ctx, alert.ID{1}, "x", ""), store.ErrNotFound},
	} {
		if !errors.Is(step.err, step.want) {
			t.Errorf("step %d: %v, want %v", i, step.err, step.want)
		}
	}
	if _, err := f.Get(alert.ID{1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}

func TestQueriesFilter(t *testing.T) {
	c := clock()
	f := open(t, store.Options{Now: c.now})
	for i, rule := range []string{"Alpha one", "alpha two", "beta"} {
		a := sample(rule, "")
		a.Rule.Level = alert.Level(i + 2)
		a.Host.Name = []string{"web1", "web2", "db"}[i]
		f.Submit(a)
		c.move(time.Minute)
	}
	raised := f.raisedAlerts(3)
	if err := f.CloseAlert(t.Context(), raised[2].Alert.ID, "x", ""); err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		filter store.Filter
		want   []string
	}{
		"all":          {store.Filter{}, []string{"beta 1 closed", "alpha two 1 open", "Alpha one 1 open"}},
		"level":        {store.Filter{Level: alert.Medium}, []string{"beta 1 closed", "alpha two 1 open"}},
		"title":        {store.Filter{Rule: "ALPHA"}, []string{"alpha two 1 open", "Alpha one 1 open"}},
		"rule":         {store.Filter{Rule: "id of beta"}, []string{"beta 1 closed"}},
		"status":       {store.Filter{Status: []alert.Status{alert.Open, alert.Acknowledged}}, []string{"alpha two 1 open", "Alpha one 1 open"}},
		"host":         {store.Filter{Host: "web2"}, []string{"alpha two 1 open"}},
		"since":        {store.Filter{Since: began.Add(time.Minute)}, []string{"beta 1 closed", "alpha two 1 open"}},
		"until":        {store.Filter{Until: began.Add(time.Minute)}, []string{"Alpha one 1 open"}},
		"text":         {store.Filter{Text: "I OF ALPHA TWO"}, []string{"alpha two 1 open"}},
		"no such text": {store.Filter{Text: "nowhere"}, nil},
		"end of id":    {store.Filter{ID: strings.ToLower(raised[1].Alert.ID.String()[18:])}, []string{"alpha two 1 open"}},
		"before":       {store.Filter{Before: raised[1].Alert.ID}, []string{"Alpha one 1 open"}},
	} {
		if diff := cmp.Diff(tt.want, f.titles(tt.filter)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	if all, more, err := f.Query(store.Filter{Limit: 2}); len(all) != 2 || !more || err != nil {
		t.Errorf("%d, more %v: %v", len(all), more, err)
	}
	if _, more, _ := f.Query(store.Filter{Limit: 3}); more {
		t.Error("there are more than all")
	}
}
