package control_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
)

func TestHealthAsJSON(t *testing.T) {
	tests := []struct {
		name string
		text string
		want control.Health
		back string // what it is written as, if not as it was read
	}{
		{"well", `{"state":"healthy"}`, control.Health{}, ""},
		{"degraded", `{"state":"degraded","reason":"x"}`, control.Health{State: control.Degraded, Reason: "x"}, ""},
		{"unhealthy", `{"state":"unhealthy","reason":"x"}`, control.Health{State: control.Unhealthy, Reason: "x"}, ""},
		{"a state of a later version counts as the worst", `{"state":"on fire"}`, control.Health{State: control.Unhealthy}, `{"state":"unhealthy"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got control.Health
			if err := json.Unmarshal([]byte(tt.text), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("health (-want +got):\n%s", diff)
			}
			b, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if tt.back == "" {
				tt.back = tt.text
			}
			if string(b) != tt.back {
				t.Errorf("written as %s, want %s", b, tt.back)
			}
		})
	}
	if s := control.State(200).String(); s != "unhealthy" {
		t.Errorf("a state that does not exist is called %s", s)
	}
}
