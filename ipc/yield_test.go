package ipc

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/router"
)

func TestYieldsNowAndThen(t *testing.T) {
	t.Parallel()
	var y yields
	before := router.Now()
	y.wait()
	if y.at < before {
		t.Errorf("yielded at %d, want it at the first wait, %d", y.at, before)
	}
	later := router.Now() + int64(time.Hour)
	y.at = later
	if y.wait(); y.at != later {
		t.Error("yielded again too soon")
	}
}
