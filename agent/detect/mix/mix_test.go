package mix_test

import (
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/mix"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestTheEventsHaveWhatTheirLinesHave: no value is one that its field cannot hold.
func TestTheEventsHaveWhatTheirLinesHave(t *testing.T) {
	all, err := mix.Events()
	if err != nil {
		t.Fatal(err)
	}
	tables := map[event.Table]int{}
	for i, v := range all {
		tables[v.Table()]++
		for name, value := range v.Extra() {
			t.Errorf("line %d: no event has %s=%s", i+1, name, value)
		}
	}
	if tables[event.TableProcess] < 100 || len(tables) != 4 {
		t.Errorf("events by table: %v", tables)
	}
}
