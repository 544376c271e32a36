package manager

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// Update is a change of nothing but the settings of a collector that runs. Its process can
// take them, and go on.
type Update struct {
	Collector string
	// Old and New are all its settings: objects with the same keys.
	Old, New json.RawMessage
	// Source is where its events come from with New, in its own words. Who had the collector
	// take the update sets it; empty is what it was.
	Source string

	spec    Spec // that New is of
	process int  // of life.Processes
}

// is reports whether the collector is that of the update, with the same process.
func (u *Update) is(c *child) bool {
	return u.Collector == c.name && u.process == c.life.Processes && observes(c)
}

// observes reports whether the collector has a process that takes orders. acting is held.
func observes(c *child) bool {
	return c.session != 0 && (c.life.State == life.Running || c.life.State == life.Paused)
}

// Plan returns the updates with which Apply of the same specs would restart no process. Who
// has collectors take them hands those to Apply. All others Apply restarts. Plan fails as
// Apply would.
func (m *Manager) Plan(specs []Spec) (updates []Update, err error) {
	next, err := m.byName(specs)
	if err != nil {
		return nil, err
	}
	m.acting.Lock()
	defer m.acting.Unlock()
	for _, name := range slices.Sorted(maps.Keys(next)) {
		c, s := m.children[name], next[name]
		if c == nil || c.removed || c.replaceBy != nil || !m.running || !observes(c) || c.life.Wish == life.ToStop {
			continue
		}
		same := c.spec.Config
		same.Settings = s.Config.Settings
		if c.spec.External != nil || s.External != nil || reflect.DeepEqual(c.spec.Config, s.Config) || !reflect.DeepEqual(same, s.Config) {
			continue
		}
		if old := c.config().Settings; sameKeys(old, s.Config.Settings) {
			updates = append(updates, Update{Collector: name, Old: old, New: s.Config.Settings, spec: s, process: c.life.Processes})
		}
	}
	return updates, nil
}

// sameKeys reports whether both are objects with the same keys, so that either can be put in
// the place of the other by an update of its keys.
func sameKeys(a, b json.RawMessage) bool {
	var left, right map[string]json.RawMessage
	if json.Unmarshal(a, &left) != nil || json.Unmarshal(b, &right) != nil || left == nil || right == nil {
		return false
	}
	return slices.Equal(slices.Sorted(maps.Keys(left)), slices.Sorted(maps.Keys(right)))
}

// Renew has a new process of the collector run in the place of the one that the update was for,
// and why. It does nothing where that has gone, and does not wait.
func (m *Manager) Renew(u Update, reason string) {
	m.acting.Lock()
	defer m.acting.Unlock()
	if c := m.children[u.Collector]; c != nil && m.running && c.pid != 0 && u.process == c.life.Processes && c.life.Wish != life.ToStop {
		m.take(c, life.Event{Kind: life.RestartWished, Reason: reason})
	}
}

// Configured notes with which settings a collector runs that has been given others than those
// that Apply named, and where its events come from with them: its next process gets them too.
// They hold until Apply changes the collector.
func (m *Manager) Configured(name, source string, change func(settings json.RawMessage) json.RawMessage) error {
	m.acting.Lock()
	defer m.acting.Unlock()
	c := m.children[name]
	if err := m.refusal(c); err != nil {
		return err
	}
	c.settings, c.source = change(c.config().Settings), cmp.Or(source, c.source)
	m.changed(c, m.now())
	return nil
}

// config is what the collector's next process is given. acting is held.
func (c *child) config() control.ChildConfig {
	config := c.spec.Config
	config.Paused = c.life.Wish == life.ToPause
	if c.settings != nil {
		config.Settings = c.settings
	}
	return config
}
