package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// TestSilencesKeepNoAlertOffTheDisk: each segment begins with all of them, so their size is
// bounded by that of a line.
func TestSilencesKeepNoAlertOffTheDisk(t *testing.T) {
	f := open(t, store.Options{SegmentBytes: 2_000, Limits: store.Limits{MaxBytes: 256 << 20}})
	x := alert.Silence{By: "alice", Reason: strings.Repeat("<", 1024), Until: time.Now().Add(time.Hour)}
	for i := range 16 {
		x.Match = append(x.Match, alert.Condition{Field: fmt.Sprint("process.f", i), Value: strings.Repeat("<", 1024)})
	}
	var err error
	n := 0
	for ; err == nil && n < 200; n++ {
		_, err = f.Silence(t.Context(), x)
	}
	if !errors.Is(err, store.ErrSilences) {
		t.Errorf("%d silences: %v", n, err)
	}
	for i := range 5 {
		f.Submit(sample(fmt.Sprint(i), ""))
		f.raisedAlerts(i + 1)
	}
	if h := f.Health(); h.State != store.Healthy {
		t.Errorf("%+v", h)
	}
}
