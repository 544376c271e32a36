package serve

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// ErrRefused is the end of a collector that the agent refused for the moment: the
// collector did nothing wrong, and may be started again.
var ErrRefused = errors.New("the agent refuses this collector for the moment")

// A collector tries to connect for a while before it gives up, and waits longer each
// time. dialFor is less than the time in which the agent expects it to register.
const (
	dialFor   = 5 * time.Second
	firstWait = 20 * time.Millisecond
	maxWait   = time.Second
)

// dial connects by connect, and goes on trying as long as it is refused for the moment,
// until dialFor has passed or ctx ends.
func dial(ctx context.Context, connect func() (router.Bus, error)) (router.Bus, error) {
	deadline := time.NewTimer(dialFor)
	defer deadline.Stop()
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		bus, err := connect()
		if err == nil || !passes(err) {
			return bus, err
		}
		again := time.NewTimer(wait)
		select {
		case <-again.C:
			continue
		case <-ctx.Done():
		case <-deadline.C:
		}
		again.Stop()
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
}

// passes reports whether a later attempt may succeed. The agent lives, because this
// process is its child: where nobody listens it binds its socket anew.
func passes(err error) bool {
	for _, may := range [...]error{
		frame.ErrLimit, frame.ErrMemory, frame.ErrRate, frame.ErrOverloaded, frame.ErrHandshake,
		syscall.ENOENT, syscall.ECONNREFUSED, syscall.EAGAIN,
	} {
		if errors.Is(err, may) {
			return true
		}
	}
	return false
}

// refused reports whether the agent's answer means that a later attempt may succeed.
func refused(err error) bool {
	var e *control.Error
	return errors.As(err, &e) && e.Code == control.CodeRefused
}
