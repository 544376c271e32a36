package spelling_test

import (
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/spelling"
)

func TestTheNearestWord(t *testing.T) {
	words := []string{"broker", "collectors", "log", "broker.max_connections", "broker.max_requests"}
	for word, want := range map[string]string{
		"brokr": "broker", "borker": "broker", "Broker": "broker", "collector": "collectors",
		"broker.max_conections": "broker.max_connections", "broker.max_request": "broker.max_requests",
		"weather": "", "": "", "x": "", "lgo": "log", "LGO": "log",
		"broker" + strings.Repeat("r", 1<<20): "", // nothing is computed for it
	} {
		if got := spelling.Nearest(word, words); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}
