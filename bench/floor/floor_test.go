package floor_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
)

var systems = []e2e.System{
	floor.OneHop(false), floor.OneHop(true), floor.Batched(), floor.Plain(false), floor.Usual(), floor.Plain(true),
}

func TestMain(m *testing.M) {
	e2e.Roles(systems...).RunIfChild()
	os.Exit(m.Run())
}

// A floor moves every message, once and in order: to each subscriber, from each
// publisher.
func TestFloorsLoseNothing(t *testing.T) {
	for _, s := range systems {
		for _, spec := range []e2e.Spec{
			{Publishers: 1, Subscribers: 1, Size: 128},
			{Publishers: 1, Subscribers: 4, Size: 1024},
			{Publishers: 4, Subscribers: 4, Size: 16384},
			{Publishers: 2, Subscribers: 3, Size: 24},
			{Publishers: 4, Subscribers: 2, Size: 128, Rate: 2000},
		} {
			t.Run(fmt.Sprintf("%s/%s/size=%d/rate=%g", s.Name, spec.Fan(), spec.Size, spec.Rate), func(t *testing.T) {
				if spec.Rate == 0 {
					spec.Window = e2e.DefaultWindow(spec.Size)
				}
				spec.Warmup, spec.Measured = 10*time.Millisecond, 60*time.Millisecond
				out, err := e2e.Run(t.Context(), s, spec)
				if err != nil {
					t.Fatal(err)
				}
				if out.Received == 0 || out.Lost() != 0 || out.Disorder != 0 {
					t.Errorf("%d sent, %d deliveries due, %d made, %d out of order or twice",
						out.Sent, out.Due, out.Received, out.Disorder)
				}
			})
		}
	}
}
