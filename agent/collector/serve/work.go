package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// beatTimeout bounds how long a heartbeat waits for a bus that takes nothing.
const beatTimeout = time.Second

// work runs the collector, makes heartbeats, and carries out commands, until ctx ends, a
// command ends it, or the collector ends.
func (s *Server) work(ctx context.Context) error {
	beats := time.NewTicker(s.interval)
	defer beats.Stop()
	if !s.now.paused {
		s.observe(ctx)
	}
	s.beat(ctx)
	for {
		select {
		case <-ctx.Done():
			return s.halt()
		case err := <-s.now.ended:
			s.now.ended = nil
			if ctx.Err() != nil {
				return nil
			}
			return err
		case <-s.now.opened:
			s.now.opened = nil
			s.beat(ctx) // the agent waits for it
		case command := <-s.commands:
			if command(ctx); s.done {
				return errors.Join(s.err, s.halt())
			}
		case <-s.again:
			s.unregistered = true
			if err := s.registerAgain(ctx); err != nil {
				return errors.Join(err, s.halt())
			}
		case <-beats.C:
			if err := s.registerAgain(ctx); err != nil {
				return errors.Join(err, s.halt())
			}
			s.beat(ctx)
		case <-s.forced:
			return ErrForced
		}
	}
}

// observe begins to observe.
func (s *Server) observe(ctx context.Context) {
	n := &s.now
	n.ended, n.first = make(chan error, 1), make(chan struct{})
	first := n.first
	s.onFirst = func() { close(first) }
	n.opened = nil
	if c, ok := n.c.(collector.Opener); ok {
		opened := make(chan struct{})
		n.opened = opened
		c.OnOpen(func() { close(opened) })
	}
	ctx, n.stop = context.WithCancel(ctx)
	var over context.CancelFunc
	n.runs, over = context.WithCancel(context.Background())
	ended, c := n.ended, n.c
	go func() { // halt waits for it
		ended <- c.Run(ctx, s.emit)
		over()
	}()
}

// halt stops observing, and returns why the collector could not go on, where it could
// not. It does nothing where the collector does not observe.
func (s *Server) halt() error {
	if s.now.ended == nil {
		return nil
	}
	s.now.stop()
	select {
	case err := <-s.now.ended:
		s.now.ended = nil
		return err
	case <-s.forced:
		return ErrForced
	}
}

// settle waits until the collector that began to observe has emitted something or has
// had its time, and returns its error if it fails before.
func (s *Server) settle() error {
	had := time.NewTimer(s.o.Settle)
	defer had.Stop()
	select {
	case err := <-s.now.ended:
		s.now.ended = nil
		if err == nil {
			err = errors.New("it ended")
		}
		return err
	case <-s.now.first:
	case <-had.C:
	}
	return nil
}

// fail ends work with err.
func (s *Server) fail(err error) { s.done, s.err = true, err }

// registerAgain registers the collector where a reconnection made that necessary. It
// fails where the agent does not want it any more; what passes is tried again later.
func (s *Server) registerAgain(ctx context.Context) error {
	if !s.unregistered {
		return nil
	}
	err := s.register(ctx)
	var answer *control.Error
	switch {
	case err == nil:
		s.unregistered = false
		s.announceLost(ctx)
	case errors.As(err, &answer) && answer.Category == control.CategoryPermission, errors.As(err, &answer) && answer.Code == control.CodeCollectorNotFound:
		return fmt.Errorf("register collector %s again: %w", s.name, err)
	}
	return nil
}

// beat publishes a heartbeat. One that cannot be published is a missed one.
func (s *Server) beat(ctx context.Context) {
	s.beats++
	s.beatEvent.Store(s.lastBeat)
	s.lastBeat = s.lastEvent.Load()
	body, err := json.Marshal(control.Heartbeat{
		Collector: s.name, Sequence: s.beats, State: s.state(), Opening: s.opening(), Health: s.health(), Emitted: s.emitted.Load(), Failed: s.failed.Load(), Filtered: s.filtered(),
		LastEvent: s.lastBeat,
	})
	if err != nil {
		panic(err) // there is nothing in it that cannot be JSON
	}
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	_ = s.bus.Publish(ctx, router.Outgoing{Topic: control.HeartbeatTopic(s.name), Payload: body, Content: frame.ContentJSON})
}

// filtered is how many events the collector has left out, with each of its
// configurations.
func (s *Server) filtered() uint64 {
	n := s.filteredBefore
	if f, ok := s.now.c.(collector.Filterer); ok {
		n += f.Filtered()
	}
	return n
}

// opening reports whether the collector observes as soon as its source is open.
func (s *Server) opening() bool { return s.now.opened != nil && !s.now.paused }

// state is that of the collector as it sees itself.
func (s *Server) state() control.CollectorState {
	if s.now.paused {
		return control.CollectorPaused
	}
	return control.CollectorRunning
}

// health is what the collector reports of itself.
func (s *Server) health() control.Health {
	if c, ok := s.now.c.(collector.Checker); ok && s.state() == control.CollectorRunning {
		if err := c.Check(); err != nil {
			return control.Health{State: control.Degraded, Reason: err.Error()}
		}
	}
	return control.Health{}
}
