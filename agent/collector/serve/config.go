package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
)

// updateConfig puts another configuration in force: without a break where the collector can,
// and else with a fresh start. One that the collector does not accept changes nothing. One
// with which it fails soon after a fresh start is taken back, if the caller wants that.
func (s *Server) updateConfig(ctx context.Context, c *dispatch.Call) (any, error) {
	var u control.ConfigUpdate
	if err := c.Decode(&u); err != nil {
		return nil, err
	}
	if s.o.New == nil {
		return nil, control.Errorf(control.CodeUnsupportedOperation, "the collector %s has no configuration", s.name)
	}
	merged, changed, err := merge(s.now.config.Settings, u.Config)
	if err != nil {
		return nil, control.Errorf(control.CodeInvalidPayload, "payload: config: %v", err)
	}
	next := s.now.config
	next.Settings = merged
	made, err := s.make(next)
	if err != nil {
		return nil, control.Errorf(control.CodeValidationFailed, "%v", err)
	}
	answer := control.ConfigUpdated{Version: s.now.version, Changed: list(changed), Validated: u.ValidateOnly}
	if u.ValidateOnly || len(changed) == 0 {
		return answer, nil
	}
	err = s.adjust(ctx, c, made)
	if err == nil {
		s.now.config, s.now.version = next, s.now.version+1
		answer.Version, answer.Source = s.now.version, s.now.c.Describe()
		return answer, nil
	} else if !errors.Is(err, collector.ErrFresh) {
		return nil, err
	}
	before := s.now
	since := time.Now()
	if err := s.halt(); err != nil {
		s.fail(err)
		return nil, err
	}
	s.replace(made, next, before.version+1)
	answer.Version, answer.Source = s.now.version, made.Describe()
	if s.now.paused {
		return answer, nil
	}
	answer.Restarted = true
	s.announceMissed(since, "the collector was configured again")
	s.observe(ctx)
	if err := s.settle(); err != nil {
		return nil, s.rollBack(ctx, &before, since, err, u.Rollback)
	}
	answer.Source = made.Describe() // it may have found another one
	return answer, nil
}

// replace puts a collector in the place of the one that has ended.
func (s *Server) replace(c collector.Collector, config control.ChildConfig, version int) {
	total := s.filtered()
	if next, ok := c.(collector.Adjustable); ok {
		next.Succeed(s.now.c)
	}
	s.now.c, s.now.config, s.now.version = c, config, version
	if next, ok := c.(collector.Subscriber); ok {
		s.subscriber.Store(&next)
	}
	s.filteredBefore = 0
	s.filteredBefore = total - s.filtered() // the new one may have run before
}

// make makes the collector of another configuration.
func (s *Server) make(next control.ChildConfig) (collector.Collector, error) {
	if r, ok := s.now.c.(collector.Remaker); ok {
		return r.Remake(next.Settings)
	}
	return s.o.New(next)
}

// adjust has the collector that observes take the settings of made without a break. It fails
// with collector.ErrFresh where the collector cannot, and where it does not observe.
func (s *Server) adjust(ctx context.Context, c *dispatch.Call, made collector.Collector) error {
	live, ok := s.now.c.(collector.Adjustable)
	if !ok || s.now.ended == nil {
		return collector.ErrFresh
	}
	left := time.Duration(c.Deadline - control.Now(s.bus))
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	defer context.AfterFunc(s.now.runs, cancel)()
	err := live.Adjust(ctx, made)
	switch {
	case err == nil || errors.Is(err, collector.ErrFresh):
		return err
	case errors.Is(err, context.Canceled):
		return errEnds
	case errors.Is(err, context.DeadlineExceeded):
		return control.Errorf(control.CodeTimeout, "the collector did not get to it; it goes on with the configuration before")
	}
	return control.Errorf(control.CodeApplyFailed, "%v", err).With("rolled_back", "true").With("config_version", strconv.Itoa(s.now.version))
}

// rollBack handles the failure of a new configuration, and returns what the caller gets.
func (s *Server) rollBack(ctx context.Context, before *instance, since time.Time, failure error, wanted bool) error {
	if !wanted {
		s.fail(failure)
		return control.Errorf(control.CodeApplyFailed, "%v", failure).With("rolled_back", "false")
	}
	s.replace(before.c, before.config, before.version)
	s.announceMissed(since, "the collector failed with another configuration")
	s.observe(ctx)
	if err := s.settle(); err != nil {
		s.fail(err)
		return control.Errorf(control.CodeRollbackFailed, "%v; then with the configuration from before: %v", failure, err)
	}
	return control.Errorf(control.CodeApplyFailed, "%v", failure).
		With("rolled_back", "true").With("config_version", strconv.Itoa(s.now.version))
}

// merge returns the configuration with the values of update for the keys that update has,
// and the keys whose value differs.
func merge(config, update json.RawMessage) (merged json.RawMessage, changed []string, err error) {
	var now, next map[string]json.RawMessage
	if len(config) > 0 {
		if err := json.Unmarshal(config, &now); err != nil {
			return nil, nil, err
		}
	}
	if err := json.Unmarshal(update, &next); err != nil {
		return nil, nil, err
	}
	all := maps.Clone(now)
	if all == nil {
		all = make(map[string]json.RawMessage)
	}
	for key, value := range next {
		if !equal(all[key], value) {
			changed = append(changed, key)
		}
		all[key] = value
	}
	slices.Sort(changed)
	merged, err = json.Marshal(all)
	return merged, changed, err
}

// equal reports whether two values are written alike but for white space.
func equal(a, b json.RawMessage) bool {
	var left, right bytes.Buffer
	if a == nil || json.Compact(&left, a) != nil || json.Compact(&right, b) != nil {
		return false
	}
	return bytes.Equal(left.Bytes(), right.Bytes())
}
