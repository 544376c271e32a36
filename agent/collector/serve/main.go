package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/trim"
	"github.com/daemoneye/eventbus/router"
)

// Process is what a collector's process is made of.
type Process struct {
	// In is its standard input: one line of configuration. Its end means that the
	// agent is gone.
	In io.Reader
	// New makes the collector that the configuration asks for.
	New func(control.ChildConfig) (collector.Collector, error)
	// Dial connects to the agent, once; Main calls it again where the agent refuses
	// it for the moment. lost is to be called when the connection has ended, with the
	// reason; nil means an orderly end.
	Dial func(ctx context.Context, c control.ChildConfig, lost func(error)) (router.Bus, error)
	// Version is the program's.
	Version string
}

// Main runs a collector called name until ctx, its input, or the connection
// ends. It returns nil when it was asked to end or the agent ended in order, and
// otherwise why it could not go on: ErrRefused, where that was the agent's refusal and
// may pass. The goroutine that reads the input ends with it, at the latest with the
// process.
func Main(ctx context.Context, name string, p Process) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	config, err := configure(ctx, name, p.In, func() { stop(nil) })
	if errors.Is(err, context.Canceled) {
		return nil
	} else if err != nil {
		return err
	}
	c, err := p.New(config)
	if err != nil {
		return err
	}
	bus, err := dial(ctx, func() (router.Bus, error) {
		return p.Dial(ctx, config, func(err error) {
			if err != nil {
				err = fmt.Errorf("%w: %w", errLost, err)
			}
			stop(err) // without the agent the events go nowhere
		})
	})
	if err != nil {
		return orderly(ctx, err)
	}
	defer time.AfterFunc(settled, trim.Memory).Stop()
	err = New(bus, c, Options{Config: config, New: p.New, Version: p.Version}).Run(ctx)
	end := bus.Close
	if err == nil && ctx.Err() == nil {
		end = func() error { return drain(bus) } // the agent asked for the end, and waits for the answer
	}
	err = orderly(ctx, err)
	if cerr := end(); err == nil {
		err = cerr
	}
	return err
}

// settled is when a collector has started, and its memory of the start is given back. It is
// later than the first snapshot of a host that has some thousand processes.
const settled = 3 * time.Second

// drainTimeout bounds how long the last events and answers may take on their way.
const drainTimeout = time.Second

// drain closes the bus after what is on its way.
func drain(bus router.Bus) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := bus.Drain(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, router.ErrClosed) {
		return err
	}
	return bus.Close()
}

// errLost is the end of the connection without a word.
var errLost = errors.New("lost the agent")

// orderly returns err as long as ctx has not ended. What fails after that is a
// consequence of the end, and only a lost connection is returned.
func orderly(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(cause, errLost) {
		return cause
	}
	return nil
}

// configure reads the configuration, and then goes on reading: gone is called
// at the end of the input.
func configure(ctx context.Context, name string, r io.Reader, gone func()) (control.ChildConfig, error) {
	type first struct {
		config control.ChildConfig
		err    error
	}
	read := make(chan first, 1)
	go func() { // ends with its input; it is not waited for, because the read may never return
		in := bufio.NewReader(r)
		var f first
		line, err := in.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &f.config)
		}
		f.err = err
		read <- f
		if err == nil {
			_, _ = io.Copy(io.Discard, in)
			gone()
		}
	}()
	var f first
	select {
	case f = <-read:
	case <-ctx.Done():
		select {
		case f = <-read: // it came and ended
		default:
			return control.ChildConfig{}, ctx.Err()
		}
	}
	if f.err == nil && f.config.Collector != name {
		f.err = fmt.Errorf("it is for collector %q, not %q", f.config.Collector, name)
	}
	if f.err != nil {
		return control.ChildConfig{}, fmt.Errorf("configuration from the agent: %w", f.err)
	}
	return f.config, nil
}
