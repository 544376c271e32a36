package unixsock

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
)

func TestYieldsNowAndThen(t *testing.T) {
	t.Parallel()
	var y Yields
	before := frame.Now()
	y.Wait()
	if y.at < before {
		t.Errorf("yielded at %d, want it at the first wait, %d", y.at, before)
	}
	later := frame.Now() + int64(time.Hour)
	y.at = later
	if y.Wait(); y.at != later {
		t.Error("yielded again too soon")
	}
}
