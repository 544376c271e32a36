package daemon

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
)

// TestTheFormOfTheLogChangesAtAnyTime, with what a logger has from before.
func TestTheFormOfTheLogChangesAtAnyTime(t *testing.T) {
	var out bytes.Buffer
	var asJSON atomic.Bool
	var level slog.LevelVar
	log := newLogger(&out, &asJSON, &level).With("collector", "process").WithGroup("g")
	log.Info("one", "a", 1)
	log.Debug("hidden")
	asJSON.Store(true)
	level.Set(slog.LevelDebug)
	log.Debug("two", "a", 2)
	asJSON.Store(false)
	log.Info("three", "a", 3)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "level=INFO msg=one collector=process g.a=1") || !strings.HasSuffix(lines[2], "level=INFO msg=three collector=process g.a=3") {
		t.Fatalf("log:\n%s", out.String())
	}
	var got struct {
		Level, Msg, Collector string
		G                     struct{ A int }
	}
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil || got.Level != "DEBUG" || got.Msg != "two" || got.Collector != "process" || got.G.A != 2 {
		t.Errorf("%+v, %v: %s", got, err, lines[1])
	}
}
