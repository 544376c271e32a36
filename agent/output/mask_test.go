package output_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/logtest"
	"github.com/daemoneye/eventbus/agent/output"
)

// TestNoErrorOfASinkHasASecret, whatever the error is: not the status, not the log, not what
// an operator or the receiver gets.
func TestNoErrorOfASinkHasASecret(t *testing.T) {
	plain := errors.New("POST https://x/hunter2: no")
	for name, fault := range map[string]error{
		"plain": plain, "wrapped": fmt.Errorf("send: %w", plain), "refused": &output.RefusedError{Reason: "what is hunter2?"},
		"refused, wrapped": fmt.Errorf("hunter2: %w", &output.RefusedError{Reason: "what is hunter2?"}), "delay": &output.DelayError{After: time.Minute, Err: plain},
		"end of time": fmt.Errorf("hunter2: %w", context.DeadlineExceeded),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, r := fresh("a"), newReceiver()
				r.set(func(items []output.Item) (int, error) {
					if items[0].Kind == output.KindNotice && !strings.Contains(string(items[0].Body), output.NoticeTest) {
						return 1, nil // about what was refused
					}
					return 0, fault
				})
				s := spec("a", r)
				s.Mask = func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") }
				var log logtest.Buffer
				m := output.New(output.Options{Source: j, Bus: noBus{}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				if err := m.Apply([]output.Spec{s}); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { m.Run(ctx) })
				j.Raise(3, alert.Low)
				time.Sleep(time.Hour)
				err := m.Test(t.Context(), "a")
				var refused *output.RefusedError
				var delay *output.DelayError
				if err == nil || errors.As(fault, &refused) != errors.As(err, &refused) || errors.As(fault, &delay) != errors.As(err, &delay) ||
					errors.Is(fault, context.DeadlineExceeded) != errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a test returns %v", err)
				}
				all, jerr := json.Marshal(m.Status())
				if jerr != nil {
					t.Fatal(jerr)
				}
				texts := map[string]string{"the log": log.String(), "the status": string(all), "a test": fmt.Sprintf("%v %+v", err, errors.Unwrap(err))}
				for _, it := range r.items() {
					texts["the receiver"] += string(it.Body)
				}
				for what, text := range texts {
					if strings.Contains(text, "hunter2") {
						t.Errorf("%s has the secret: %s", what, text)
					}
				}
				if !strings.Contains(texts["the status"], "***") {
					t.Errorf("the status has no reason: %s", all)
				}
				cancel()
				running.Wait()
			})
		})
	}
}

// TestASinkThatCannotBeMadeSaysWhyWithoutASecret.
func TestASinkThatCannotBeMadeSaysWhyWithoutASecret(t *testing.T) {
	s := spec("a", newReceiver())
	s.Mask = func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") }
	s.New = func() (output.Sink, error) { return nil, errors.New("no template hunter2") }
	m, _ := start(t, fresh("a"), nil, s)
	if err := m.Test(t.Context(), "a"); err == nil || err.Error() != "no template ***" {
		t.Errorf("%v", err)
	}
	if s := status(t, m, "a"); s.LastError != "no template ***" {
		t.Errorf("%+v", s)
	}
}
