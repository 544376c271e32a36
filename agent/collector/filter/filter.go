// Package filter leaves out events by who acted: the program, the user, the unit of
// systemd. It is for events that somebody knows and does not want; what is left out is
// counted, and is no loss.
//
// An event is left out when an exclusion matches, or when there are inclusions of a kind
// and none of that kind matches. What could not be read matches nothing, and is never the
// reason to leave an event out: nobody hides by ending soon.
//
// # Where it acts
//
// The filter here decides on every event that comes to the collector. Where the source is
// eBPF, the kernel's programs leave out events before that (Source): they are shown each
// value because of which an event was left out, and leave out the next one with the same
// value. So wildcards, ranges and inclusions need no second implementation, units may come
// and go, and what the kernel leaves out the filter here would as well. It counts in the
// same number.
//
//	by           process, ebpf                   network, ebpf    DNS, files, other sources
//	user         kernel                          kernel           here
//	executable   kernel, up to 255 bytes         here             here
//	unit         kernel, control groups v2       here             here
//
// The program and the unit of a connection are read after it was made, and a query of DNS
// is one event of several packets: the kernel's programs do not have what decides.
//
// # Known limits
//
//   - Another collector that looks for a process, and comes too late for /proc, may find
//     the program that the process ran before one which is left out.
package filter

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/event"
)

// Who are the settings of a filter, as a collector has them among its own. The zero value
// leaves out nothing.
type Who struct {
	// Executables are absolute paths. A segment may have wildcards, and what is below
	// counts.
	IncludeExecutables []string `json:"include_executables"`
	ExcludeExecutables []string `json:"exclude_executables"`

	// Users are numbers, or ranges such as 1000-60000.
	IncludeUsers []string `json:"include_users"`
	ExcludeUsers []string `json:"exclude_users"`

	// Units are names of units of systemd, and may have wildcards.
	IncludeUnits []string `json:"include_units"`
	ExcludeUnits []string `json:"exclude_units"`
}

// Filter decides. Safe for concurrent use.
type Filter struct {
	choices  atomic.Pointer[choices]
	filtered atomic.Uint64
	source   sourced
}

// choices are what is wanted of each kind.
type choices struct {
	number uint64 // of the settings, see Source
	none   bool   // it leaves out nothing; immutable

	mu          sync.Mutex
	executables choice[string] // guarded by mu
	users       choice[uint32] // guarded by mu
	units       choice[string] // guarded by mu
}

// New makes a filter. It fails for what is no path, user or unit.
func New(o Who) (*Filter, error) {
	c := new(choices)
	var err error
	if c.executables, err = newChoice(o.IncludeExecutables, o.ExcludeExecutables, parsePath); err != nil {
		return nil, fmt.Errorf("executable %w", err)
	}
	if c.users, err = newChoice(o.IncludeUsers, o.ExcludeUsers, func(s string) (func(uint32) bool, error) {
		r, err := ParseRange(s)
		return r.Has, err
	}); err != nil {
		return nil, fmt.Errorf("user %w", err)
	}
	if c.units, err = newChoice(o.IncludeUnits, o.ExcludeUnits, parseUnit); err != nil {
		return nil, fmt.Errorf("unit %w", err)
	}
	c.number, c.none = 1, c.executables.none() && c.users.none() && c.units.none()
	f := new(Filter)
	f.choices.Store(c)
	return f, nil
}

// Passes reports whether events of a process are wanted, and counts one that is not. A nil
// Filter wants all, and a nil process is one of which nothing is known.
func (f *Filter) Passes(p *actor.Process) bool {
	if f == nil || p == nil {
		return true
	}
	if c := f.choices.Load(); c.none || c.want(p) {
		return true
	}
	f.filtered.Add(1)
	return false
}

func (c *choices) want(p *actor.Process) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.executables.wants(p.Image.Executable, !p.Flags.Has(event.ExecutableUnread)) &&
		c.users.wants(p.UID, !p.Flags.Has(event.UserUnread)) &&
		c.units.wants(p.Cgroup.Unit, !p.Flags.Has(event.CgroupUnread))
}

// Leave counts an event that is left out because the one before it was, such as the end of
// what had no begin.
func (f *Filter) Leave() {
	if f != nil {
		f.filtered.Add(1)
	}
}

// choice is what is wanted of one kind of value.
type choice[T comparable] struct {
	include, exclude []func(T) bool
	known            map[T]bool // verdicts on values that came before
}

// maxKnown bounds the verdicts that are remembered. All are forgotten then.
const maxKnown = 4096

func newChoice[T comparable](include, exclude []string, parse func(string) (func(T) bool, error)) (c choice[T], err error) {
	for _, x := range []struct {
		texts []string
		to    *[]func(T) bool
	}{{include, &c.include}, {exclude, &c.exclude}} {
		for _, s := range x.texts {
			if s == "" {
				continue
			}
			match, err := parse(s)
			if err != nil {
				return c, err
			}
			*x.to = append(*x.to, match)
		}
	}
	c.known = make(map[T]bool)
	return c, nil
}

func (c *choice[T]) none() bool { return len(c.include) == 0 && len(c.exclude) == 0 }

func (c *choice[T]) wants(v T, read bool) bool {
	if c.none() || !read {
		return true
	}
	wanted, known := c.known[v]
	if !known {
		if len(c.known) >= maxKnown {
			clear(c.known)
		}
		wanted = (len(c.include) == 0 || matchesAny(c.include, v)) && !matchesAny(c.exclude, v)
		c.known[v] = wanted
	}
	return wanted
}

func matchesAny[T any](all []func(T) bool, v T) bool {
	for _, match := range all {
		if match(v) {
			return true
		}
	}
	return false
}

// parsePath makes a match of a path and all below it.
func parsePath(s string) (func(string) bool, error) {
	if !strings.HasPrefix(s, "/") || path.Clean(s) != s {
		return nil, fmt.Errorf("%q: want an absolute path, without / at its end", s)
	}
	if _, err := path.Match(s, ""); err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	segments := strings.Split(strings.Trim(s, "/"), "/")
	if s == "/" {
		return func(string) bool { return true }, nil
	}
	return func(p string) bool {
		rest := strings.TrimPrefix(p, "/")
		for _, pattern := range segments {
			segment, below, _ := strings.Cut(rest, "/")
			if rest == "" {
				return false
			}
			if ok, _ := path.Match(pattern, segment); !ok { // the pattern is valid
				return false
			}
			rest = below
		}
		return true
	}, nil
}

func parseUnit(s string) (func(string) bool, error) {
	if _, err := path.Match(s, ""); err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	return func(unit string) bool {
		ok, _ := path.Match(s, unit) // the pattern is valid
		return ok
	}, nil
}

// Range is a range of users.
type Range struct{ First, Last uint32 }

// Has reports whether a user is in the range.
func (r Range) Has(uid uint32) bool { return r.First <= uid && uid <= r.Last }

// ParseRange reads N or N-M.
func ParseRange(s string) (r Range, err error) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	a, err := strconv.ParseUint(first, 10, 32)
	b, err2 := strconv.ParseUint(last, 10, 32)
	if err != nil || err2 != nil || a > b {
		return r, fmt.Errorf("%q: want a number, or a range such as 1000-60000", s)
	}
	return Range{uint32(a), uint32(b)}, nil
}
