package inproc_test

import (
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

// A lost answer may belong to any open request, so all of them end.
func TestALossOfAnswersEndsWhatIsOpen(t *testing.T) {
	b := serve(t, router.Options{MaxRequests: 2})
	c, d := client(t, b, "c"), client(t, b, "d")
	slow := brokertest.NewBlocker()
	defer close(slow.Let)
	respond(t, d, "slow", slow.Handle)
	outcome := ask(t.Context(), c, "slow")
	brokertest.Wait(t, slow.Called)
	lost := func() error { // four fit, so some of very many are lost
		ctx := within(t)
		for {
			select {
			case err := <-outcome:
				return err
			case <-ctx.Done():
				return errors.New("no answer was lost")
			default:
				refused := make(chan struct{})
				b.Post(func() {
					for range 1000 {
						c.Session().Refuse(1<<40, frame.ErrDenied)
					}
					close(refused)
				})
				brokertest.Wait(t, refused)
			}
		}
	}
	if err := lost(); !errors.Is(err, frame.ErrSlow) {
		t.Errorf("%v, want ErrSlow", err)
	}
	respond(t, d, "fast", echo)
	_, err := c.Request(within(t), "fast", nil)
	for errors.Is(err, frame.ErrSlow) || errors.Is(err, frame.ErrLimit) {
		// Refusals are still on their way, and the broker still has the request open
		// whose answer was lost.
		_, err = c.Request(within(t), "fast", nil)
	}
	if err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
