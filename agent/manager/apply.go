package manager

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/daemoneye/eventbus/agent/manager/life"
)

// Applied states what Apply made of the collectors, by name.
type Applied struct {
	Added, Removed, Changed []string
	// Restarted are those of Changed that had a process, which is replaced.
	Restarted []string
}

// Errors of Apply.
var (
	errNoCommand = errors.New("manager: no command to run collectors with")
	errTwice     = errors.New("manager: a collector is there twice")
)

// byName returns the specs by name. The error is that of Apply.
func (m *Manager) byName(specs []Spec) (map[string]Spec, error) {
	next := make(map[string]Spec, len(specs))
	for _, s := range specs {
		name := s.Config.Collector
		if _, twice := next[name]; twice {
			return nil, fmt.Errorf("%w: %q", errTwice, name)
		}
		if len(m.o.Command) == 0 && s.External == nil {
			return nil, errNoCommand
		}
		next[name] = s
	}
	return next, nil
}

// Apply makes the set of collectors that of specs. It changes nothing where it fails, and
// does not wait until the collectors are what they should be. What an operator wished of a
// collector that is in both sets stays. taken are the updates that collectors have taken: their
// processes go on.
func (m *Manager) Apply(specs []Spec, taken ...Update) (done Applied, err error) {
	next, err := m.byName(specs)
	if err != nil {
		return done, err
	}
	m.acting.Lock()
	defer m.acting.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.children)) {
		c := m.children[name]
		if _, stays := next[name]; stays || c.removed {
			continue
		}
		c.removed = true
		done.Removed = append(done.Removed, name)
		m.take(c, life.Event{Kind: life.Wished, Wish: life.ToStop})
	}
	for _, name := range slices.Sorted(maps.Keys(next)) {
		s, c := next[name], m.children[name]
		switch {
		case c == nil:
			done.Added = append(done.Added, name)
			c = m.newChild(s)
			m.children[name] = c
			m.begin(c)
		case c.removed:
			done.Added = append(done.Added, name)
			c.spec, c.settings, c.removed = s, nil, false
			m.begin(c)
		case (c.spec.External == nil) != (s.External == nil):
			done.Changed = append(done.Changed, name)
			c.replaceBy = &s
			m.take(c, life.Event{Kind: life.Wished, Wish: life.ToStop})
		case !reflect.DeepEqual(c.spec, s):
			done.Changed = append(done.Changed, name)
			if m.change(c, s, taken) {
				done.Restarted = append(done.Restarted, name)
			}
		}
	}
	m.show()
	m.alarm()
	return done, nil
}

// change makes a collector that of s, and reports whether a process of it is replaced.
func (m *Manager) change(c *child, s Spec, taken []Update) (replaced bool) {
	restart := !reflect.DeepEqual(c.spec.Config, s.Config) || !reflect.DeepEqual(c.spec.External, s.External)
	has := slices.IndexFunc(taken, func(u Update) bool { return u.is(c) && reflect.DeepEqual(u.spec, s) })
	c.spec, c.settings = s, nil
	if has >= 0 {
		c.source = cmp.Or(taken[has].Source, c.source)
		m.changed(c, m.now())
		return false
	}
	if !restart || !m.running || c.life.Wish == life.ToStop {
		return false
	}
	replaced = c.pid != 0
	m.take(c, life.Event{Kind: life.RestartWished, Reason: "its configuration has changed"})
	return replaced
}

// begin has a new collector run, if collectors run already. acting is held.
func (m *Manager) begin(c *child) {
	if m.running {
		m.take(c, life.Event{Kind: life.Wished, Wish: life.ToRun})
	}
}
