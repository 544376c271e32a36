package stored_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/stored"
)

// TestASilenceThatEndsDuringARestart: what it silenced never leaves, and what happens after
// its end does, though it is a repeat. Another output that was down before gets what it had
// not, once.
func TestASilenceThatEndsDuringARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		up, down := &receiver{}, &receiver{down: true}
		run := func(during func(s *store.Store)) {
			t.Helper()
			s, err := store.Open(t.Context(), store.Options{Dir: dir, Files: &faulty.Files{Unsynced: true}, Log: discard})
			if err != nil {
				t.Fatal(err)
			}
			m := output.New(output.Options{Source: stored.New(func() *store.Store { return s }), Bus: noBus{}, Logger: discard})
			var specs []output.Spec
			for name, r := range map[string]*receiver{"up": up, "down": down} {
				specs = append(specs, output.Spec{
					Name: name, Type: "test", Topics: []string{"alerts.#"}, MinLevel: alert.Low, New: func() (output.Sink, error) { return r, nil },
				})
			}
			if err := m.Apply(specs); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { m.Run(ctx) })
			synctest.Wait()
			during(s)
			time.Sleep(10 * time.Minute) // of the clock of the bubble
			cancel()
			running.Wait()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		submit := func(s *store.Store, title string) {
			s.Submit(&alert.Alert{
				Rule: alert.Rule{ID: title, Title: title, Level: alert.High}, Host: alert.Host{ID: "h"}, First: time.Now(), Last: time.Now(),
				DedupKey: title, FoldFor: 24 * time.Hour, Event: json.RawMessage(`{}`),
			})
		}
		run(func(s *store.Store) {
			_, err := s.Silence(t.Context(), alert.Silence{
				Reason: "work", Until: time.Now().Add(time.Hour), Match: []alert.Condition{{Field: "rule.title", Value: "quiet"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			submit(s, "quiet")
			submit(s, "loud")
		})
		time.Sleep(2 * time.Hour)
		down.set(false)
		run(func(s *store.Store) {
			submit(s, "quiet")
			submit(s, "loud") // a repeat
			submit(s, "new")
		})
		for name, r := range map[string]*receiver{"up": up, "down before": down} {
			var titles []string
			for _, it := range r.taken {
				var a alert.Alert
				if err := json.Unmarshal(it.Body, &a); err != nil {
					t.Fatal(err)
				}
				titles = append(titles, a.Rule.Title)
			}
			if diff := cmp.Diff([]string{"loud", "quiet", "new"}, titles); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}
