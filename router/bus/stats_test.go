package bus_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/router/bus"
)

// The lists of statistics are halved until the encoding fits, whatever they stand in.
func TestStatisticsAreCutToFit(t *testing.T) {
	type report struct {
		Health string
		Broker bus.Stats
	}
	all := report{Health: "healthy"}
	for i := range uint32(100) {
		all.Broker.Clients = append(all.Broker.Clients, bus.ClientStats{Source: i})
		all.Broker.Subscriptions = append(all.Broker.Subscriptions, bus.SubStats{Source: i})
	}
	whole, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int{len(whole): 100, len(whole) - 1: 50, len(whole) / 3: 25, 0: 0} {
		r := all
		b, err := r.Broker.EncodeWithin(limit, func() ([]byte, error) { return json.Marshal(r) })
		if err != nil || want > 0 && len(b) > limit {
			t.Errorf("%d bytes, at most %d are wanted: %v", len(b), limit, err)
		}
		var got report
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Broker.Clients) != want || len(got.Broker.Subscriptions) != want || got.Broker.Truncated != (want < 100) || got.Health != all.Health {
			t.Errorf("at most %d bytes: %d clients, %d subscriptions, truncated %t; want %d of each",
				limit, len(got.Broker.Clients), len(got.Broker.Subscriptions), got.Broker.Truncated, want)
		}
	}
	fault := errors.New("fault")
	if _, err := all.Broker.EncodeWithin(0, func() ([]byte, error) { return nil, fault }); err != fault {
		t.Errorf("%v, want the encoder's own error", err)
	}
}
