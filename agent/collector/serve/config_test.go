package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
)

// never is a time in which a collector that fails at once has failed.
const never = time.Hour

// TestUpdateConfig has a collector with the rate 1. The last one of each case is what the
// collector has in force.
func TestUpdateConfig(t *testing.T) {
	tests := []struct {
		name   string
		update string
		want   string
		source string
		runs   int32
		ends   error
	}{
		{"a new value", `{"config":{"source":"b"}}`, `{"version":2,"changed_fields":["source"],"restarted":true,"source":"source b"}`, "source b", 2, nil},
		{"the same value", `{"config":{"rate": 1}}`, `{"version":1,"changed_fields":[]}`, "source a", 1, nil},
		{"a check", `{"config":{"source":"b"},"validate_only":true}`, `{"version":1,"changed_fields":["source"],"validated":true}`, "source a", 1, nil},
		{"a check of what is wrong", `{"config":{"rate":-1},"validate_only":true}`, "VALIDATION_FAILED map[]", "source a", 1, nil},
		{"what is wrong", `{"config":{"rate":-1}}`, "VALIDATION_FAILED map[]", "source a", 1, nil},
		{"no object", `{"config":[1]}`, "INVALID_PAYLOAD map[]", "source a", 1, nil},
		{"no configuration", `{}`, "INVALID_PAYLOAD map[]", "source a", 1, nil},
		{"a key of another payload", `{"config":{},"roll_back":true}`, "INVALID_PAYLOAD map[]", "source a", 1, nil},
		{"what fails, and is taken back", `{"config":{"source":"fail"},"rollback_on_failure":true}`,
			"APPLY_FAILED map[config_version:1 rolled_back:true]", "source a", 3, nil},
		{"what fails", `{"config":{"source":"fail"}}`, "APPLY_FAILED map[rolled_back:false]", "", 2, errSource},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := demo(t, serve.Options{Settle: never}, `{"source":"a","rate":1}`)
			for v.report().Emitted == 0 { // it has not begun to observe
			}
			if got := v.call(control.OpUpdateConfig, json.RawMessage(tt.update)); got != tt.want {
				t.Errorf("answer is %s, want %s", got, tt.want)
			}
			if tt.ends != nil {
				if err := v.end(); !errors.Is(err, tt.ends) {
					t.Errorf("it ended with %v", err)
				}
			} else if r := v.report(); r.Source != tt.source {
				t.Errorf("in force is %s, want %s", r.Source, tt.source)
			}
			if n := v.runs.Load(); n != tt.runs {
				t.Errorf("Run was called %d times, want %d", n, tt.runs)
			}
			if tt.runs > 1 {
				v.gap()
			}
		})
	}
}

// flexible is an able that can take other settings while it observes: the rate at once, the
// source with a fresh start. It refuses the rate 13, and does not get to 14.
type flexible struct{ *able }

var errRate = errors.New("13 brings bad luck")

func (f flexible) Adjust(ctx context.Context, next collector.Collector) error {
	n := next.(flexible)
	switch {
	case n.settings.Source != f.settings.Source:
		return collector.ErrFresh
	case n.settings.Rate == 13:
		return errRate
	case n.settings.Rate == 14:
		<-ctx.Done()
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settings = n.settings
	return nil
}

func (f flexible) Succeed(before collector.Collector) {
	f.number.Store(before.(flexible).number.Load())
}

// TestUpdateConfigWithoutABreak has a collector with the source a and the rate 1 that can
// take other settings while it observes.
func TestUpdateConfigWithoutABreak(t *testing.T) {
	tests := []struct {
		name    string
		update  string
		want    string
		source  string
		version int
		runs    int32
	}{
		{"what can change at once", `{"rate":2}`, `{"version":2,"changed_fields":["rate"],"source":"source a at 2"}`, "source a at 2", 2, 1},
		{"what needs a fresh start", `{"source":"b"}`, `{"version":2,"changed_fields":["source"],"restarted":true,"source":"source b at 1"}`, "source b at 1", 2, 2},
		{"what it refuses", `{"rate":13}`, "APPLY_FAILED map[config_version:1 rolled_back:true]", "source a at 1", 1, 1},
		{"what it does not get to", `{"rate":14}`, "TIMEOUT map[]", "source a at 1", 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := demo(t, serve.Options{}, `{"source":"a","rate":1,"live":true}`)
			for v.report().Emitted == 0 { // it has not begun to observe
			}
			// The caller's own wait is longer than the deadline.
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if got := v.callWith(ctx, control.OpUpdateConfig, control.ConfigUpdate{Config: json.RawMessage(tt.update)}); got != tt.want {
				t.Errorf("answer is %s, want %s", got, tt.want)
			}
			if r := v.report(); r.Source != tt.source || r.ConfigVersion != tt.version {
				t.Errorf("in force is version %d, %s, want %d, %s", r.ConfigVersion, r.Source, tt.version, tt.source)
			}
			if n := v.runs.Load(); n != tt.runs {
				t.Errorf("Run was called %d times, want %d", n, tt.runs)
			}
			v.call(control.OpPause, nil)
			v.call(control.OpResume, nil)
			gaps := int32(0) // before that of the pause
			for !strings.Contains(v.gap().Body.Reason, "was paused") {
				gaps++
			}
			// Each begin of observing has emitted one event, the resume's too.
			if n := v.number(); n != uint64(tt.runs)+1 {
				t.Errorf("the last event has the number %d after %d runs", n, tt.runs+1)
			}
			if gaps != tt.runs-1 {
				t.Errorf("%d gaps were announced, and Run was called %d times", gaps, tt.runs)
			}
		})
	}
}

func TestAPausedCollectorIsConfiguredAndStaysPaused(t *testing.T) {
	v := demo(t, serve.Options{}, "")
	v.call(control.OpPause, nil)
	if got := v.call(control.OpUpdateConfig, control.ConfigUpdate{Config: json.RawMessage(`{"source":"b"}`)}); got != `{"version":2,"changed_fields":["source"],"source":"source b"}` {
		t.Errorf("answer is %s", got)
	}
	if r := v.report(); r.State != control.CollectorPaused || r.Source != "source b" || r.ConfigVersion != 2 {
		t.Errorf("report is %+v", r)
	}
	if n := v.runs.Load(); n != 1 {
		t.Errorf("Run was called %d times", n)
	}
}

func TestAnUpdateThatCannotBeTakenBackEndsTheCollector(t *testing.T) {
	v := demo(t, serve.Options{Config: control.ChildConfig{Paused: true}, Settle: never}, `{"source":"fail"}`)
	if got := v.call(control.OpResume, nil); got != "INTERNAL map[]" {
		t.Errorf("resume: %s", got)
	}
	if err := v.end(); !errors.Is(err, errSource) {
		t.Errorf("it ended with %v", err)
	}
}

// TestWhatWasLeftOutIsCountedOverAllConfigurations, also one that was taken back.
func TestWhatWasLeftOutIsCountedOverAllConfigurations(t *testing.T) {
	v := demo(t, serve.Options{Settle: never}, `{"source":"a","rate":1}`)
	for v.report().Emitted == 0 { // it has not begun to observe
	}
	for i, want := range []uint64{3, 6, 9} {
		if r := v.report(); r.Filtered != want {
			t.Errorf("after %d updates %d events were left out, want %d", i, r.Filtered, want)
		}
		v.call(control.OpUpdateConfig, control.ConfigUpdate{Config: json.RawMessage(fmt.Sprintf(`{"rate":%d}`, i+2))})
	}
}

// TestTheEventsOfOthersGoToTheCollectorThatIsInForce, those from before it came first.
func TestTheEventsOfOthersGoToTheCollectorThatIsInForce(t *testing.T) {
	v := demo(t, serve.Options{Settle: never}, `{"source":"a","rate":1}`)
	if got := <-v.taken; got != "before at 1" {
		t.Errorf("it took %q", got)
	}
	v.call(control.OpUpdateConfig, control.ConfigUpdate{Config: json.RawMessage(`{"rate":2}`)})
	publish(t, v.agent, "events.other.a", "after")
	if got := <-v.taken; got != "after at 2" {
		t.Errorf("then it took %q", got)
	}
}
