package filter

import (
	"sync"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/event"
)

// Source is where events come from, if it can leave out some of them itself. It leaves out
// only what it has been shown to be unwanted, by a Verdict, and begins anew with each change
// of the settings.
type Source interface {
	// Begin puts the settings with a number in force. What verdicts with other numbers
	// have shown counts no more when it returns. After an error nothing has changed.
	Begin(number uint64) error
	// Filtered returns how many events it has left out.
	Filtered() (uint64, error)
}

// sourced is the source of a filter.
type sourced struct {
	mu    sync.Mutex
	is    Source // guarded by mu; nil for none
	known uint64 // guarded by mu; what it has left out, as far as is known
}

// Filtered returns how many events were left out, here and at the source.
func (f *Filter) Filtered() uint64 {
	if f == nil {
		return 0
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	return f.filtered.Load() + f.source.countLocked()
}

func (s *sourced) countLocked() uint64 {
	if s.is != nil {
		if n, err := s.is.Filtered(); err == nil {
			s.known = n
		}
	}
	return s.known
}

// Attach has the settings of f in force at a source, until Detach. f has one at most. A nil
// Filter has none.
func (f *Filter) Attach(s Source) error {
	if f == nil {
		return nil
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	if err := s.Begin(f.choices.Load().number); err != nil {
		return err
	}
	f.source.is = s
	return nil
}

// Detach lets go of the source, if there is one. What it has left out stays counted.
func (f *Filter) Detach() {
	if f == nil {
		return
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	f.filtered.Add(f.source.countLocked())
	f.source.is, f.source.known = nil, 0
}

// Adopt has f decide as o, which is not used any more, does from now on. What f has counted
// stays. An error is one of the source: nothing has changed then.
//
// The source begins before f does: what it leaves out, the settings before did not want
// either, as long as it happened before.
func (f *Filter) Adopt(o *Filter) error {
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	next := o.choices.Load()
	next.number = f.choices.Load().number + 1
	if f.source.is != nil {
		if err := f.source.is.Begin(next.number); err != nil {
			return err
		}
	}
	f.choices.Store(next)
	return nil
}

// Verdict is what of a process is not wanted.
type Verdict struct {
	Number                 uint64 // of the settings by which it is
	Executable, User, Unit bool
}

// Verdict returns why events of a process are left out.
func (f *Filter) Verdict(p *actor.Process) Verdict {
	c := f.choices.Load()
	if c.none {
		return Verdict{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return Verdict{
		Number:     c.number,
		Executable: !c.executables.wants(p.Image.Executable, !p.Flags.Has(event.ExecutableUnread)),
		User:       !c.users.wants(p.UID, !p.Flags.Has(event.UserUnread)),
		Unit:       !c.units.wants(p.Cgroup.Unit, !p.Flags.Has(event.CgroupUnread)),
	}
}
