package settings_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/settings"
)

func TestDecode(t *testing.T) {
	type options struct {
		Source   string        `json:"source"`
		Interval time.Duration `json:"interval"`
	}
	before := options{"auto", time.Second}
	tests := []struct {
		name, in string
		want     options
		ok       bool
	}{
		{"nothing", "", before, true},
		{"an empty object", "{}", before, true},
		{"one member", `{"interval":5}`, options{"auto", 5}, true},
		{"a member that there is not", `{"intervall":5}`, before, false},
		{"another kind", `{"interval":"5s"}`, before, false},
		{"two objects", `{"interval":5}{"interval":6}`, options{"auto", 5}, false},
		{"no object", `[]`, before, false},
		{"cut", `{"interval":`, before, false},
	}
	for _, tt := range tests {
		got := before
		if err := settings.Decode([]byte(tt.in), &got); (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
}
