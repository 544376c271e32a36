package filesystem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/redact"
	"github.com/daemoneye/eventbus/agent/collector/settings"
	"github.com/daemoneye/eventbus/agent/event"
)

// Name is the collector's name.
const Name = "filesystem"

// Bounds of Options, and the default of its window.
const (
	DefaultBulkWindow = 10 * time.Second
	MinBulkWindow     = 100 * time.Millisecond
	MaxBulkWindow     = time.Hour
	MaxBulk           = 1_000_000
)

// Options configure a Collector. The zero value watches nothing, which is an error.
type Options struct {
	// Mode chooses the source; empty is ModeAuto.
	Mode Mode

	// Paths are watched, with everything below them. A segment may have wildcards, as in
	// /home/*/.ssh. What is not there yet is watched from the moment when it comes to be.
	Paths []string

	// Executables are watched for programs only: files that may be run.
	Executables []string

	// Exclude is left out of both, with everything below.
	Exclude []string

	// Bulk is how many changes of one process within BulkWindow are a bulk; 0 for none, up
	// to MaxBulk.
	Bulk int

	// BulkWindow is the time of a bulk; 0 is DefaultBulkWindow. It is from MinBulkWindow to
	// MaxBulkWindow.
	BulkWindow time.Duration

	// Who states whose changes are left out, where the source knows who made them, and Redact
	// what is replaced in command lines.
	Who    filter.Who
	Redact redact.Patterns

	// Agent is the process whose own changes, and those of its collectors, are left out; 0
	// for none.
	Agent int

	// Host is the machine.
	Host host.Host
}

// Collector observes files.
//
// Describe and Name are safe for concurrent use; Run is for one caller at a time.
type Collector struct {
	collector.Opening

	options  Options // owned by Run
	trees    *trees  // owned by Run
	reader   *proc.Reader
	sequence uint64 // of the last event; owned by Run
	feed     *actor.Feed
	door     adjust.Door[*tracker]
	source   string // what Describe returns of the source; owned by Run
	filter   *filter.Filter
	redactor *redact.Redactor

	mu       sync.Mutex
	describe string // guarded by mu
	fanotify bool   // guarded by mu; the source is that
}

var _ collector.Adjustable = (*Collector)(nil)

// section is the collector's section of the configuration, as it gets it.
type section struct {
	Source      Mode          `json:"source"`
	Paths       []string      `json:"paths"`
	Executables []string      `json:"executables"`
	Exclude     []string      `json:"exclude"`
	Bulk        int           `json:"bulk_changes"`
	BulkWindow  time.Duration `json:"bulk_window"`
	filter.Who
	redact.Patterns
}

// Parse reads the settings of the collector, as package settings has them.
func Parse(s []byte, h host.Host) (Options, error) {
	var own section
	if err := settings.Decode(s, &own); err != nil {
		return Options{}, fmt.Errorf("filesystem: %w", err)
	}
	return Options{
		Mode: own.Source, Paths: own.Paths, Executables: own.Executables, Exclude: own.Exclude, Bulk: own.Bulk, BulkWindow: own.BulkWindow,
		Who: own.Who, Redact: own.Patterns, Agent: os.Getppid(), Host: h,
	}, nil
}

// New makes a collector. It opens the source once, so that Describe is right from the
// start, and starts nothing. It fails for options out of bounds, and for ModeFanotify where
// that is not permitted.
func New(o Options) (*Collector, error) {
	t, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("filesystem: %w", err)
	}
	r, err := proc.NewReader(o.Host.Root)
	if err != nil {
		return nil, fmt.Errorf("filesystem: procfs at %s: %w", o.Host.Root, err)
	}
	c := &Collector{options: o, trees: t, reader: r, door: adjust.NewDoor[*tracker](), feed: actor.NewFeed()}
	if c.filter, err = filter.New(o.Who); err != nil {
		return nil, fmt.Errorf("filesystem: %w", err)
	}
	if c.redactor, err = redact.New(o.Redact); err != nil {
		return nil, fmt.Errorf("filesystem: redact: %w", err)
	}
	s, err := c.open()
	if err != nil {
		return nil, err
	}
	s.close()
	return c, nil
}

func (o *Options) complete() (*trees, error) {
	o.Mode, o.BulkWindow, o.Host = cmp.Or(o.Mode, ModeAuto), cmp.Or(o.BulkWindow, DefaultBulkWindow), o.Host.Complete()
	if o.Mode != ModeAuto && o.Mode != ModeFanotify && o.Mode != ModeInotify {
		return nil, fmt.Errorf("mode %q: want auto, fanotify or inotify", o.Mode)
	}
	if o.Bulk < 0 || o.Bulk > MaxBulk {
		return nil, fmt.Errorf("bulk of %d changes: want 0 to %d", o.Bulk, MaxBulk)
	}
	if o.BulkWindow < MinBulkWindow || o.BulkWindow > MaxBulkWindow {
		return nil, fmt.Errorf("bulk window %v: want %v to %v", o.BulkWindow, MinBulkWindow, MaxBulkWindow)
	}
	t := new(trees)
	for _, x := range []struct {
		patterns []string
		to       *[]tree
	}{{o.Paths, &t.all}, {o.Executables, &t.executables}, {o.Exclude, &t.exclude}} {
		var err error
		if *x.to, err = parseTrees(x.patterns); err != nil {
			return nil, err
		}
	}
	if len(t.all) == 0 && len(t.executables) == 0 {
		return nil, errors.New("no path to watch")
	}
	return t, nil
}

// open chooses and opens the source, and notes what Describe is to return.
func (c *Collector) open() (source, error) {
	s, describe, err := choose(c.options.Mode, c.trees)
	if err != nil {
		return nil, err
	}
	c.source = describe
	c.setDescription(s)
	return s, nil
}

// setDescription notes what Describe is to return.
func (c *Collector) setDescription(s source) {
	describe := c.source
	if i, ok := s.(*inotify); ok && i.limit > 0 {
		describe += fmt.Sprintf("; %d directories are not watched: %v", i.limit, errWatches)
	}
	_, knows := s.(*fanotify)
	if hides := c.reader.Hides(); knows && hides != "" {
		describe += "; " + hides
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.describe, c.fanotify = describe, knows
}

// usesFanotify reports whether that is the source.
func (c *Collector) usesFanotify() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fanotify
}

var _ collector.Subscriber = (*Collector)(nil)

// Topics implements collector.Subscriber.
func (c *Collector) Topics() []string { return actor.FeedTopics }

// Take implements collector.Subscriber: from these events is known who has ended since.
func (c *Collector) Take(payload []byte) { c.feed.Take(payload) }

// Filtered implements collector.Filterer.
func (c *Collector) Filtered() uint64 { return c.filter.Filtered() }

// Name implements collector.Collector.
func (c *Collector) Name() string { return Name }

// Describe implements collector.Collector.
func (c *Collector) Describe() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.describe
}

// Adjust implements collector.Adjustable: everything but the source can change. What comes
// to be watched is the start, as at the beginning of Run; what is not any more has no events.
func (c *Collector) Adjust(ctx context.Context, next collector.Collector) error {
	n, ok := next.(*Collector)
	if !ok || n.usesFanotify() != c.usesFanotify() {
		return collector.ErrFresh
	}
	rest, now := n.options, &c.options
	rest.Mode, rest.Paths, rest.Executables, rest.Exclude, rest.Bulk, rest.BulkWindow = now.Mode, now.Paths, now.Executables, now.Exclude, now.Bulk, now.BulkWindow
	rest.Who, rest.Redact = now.Who, now.Redact
	if !reflect.DeepEqual(rest, *now) {
		return collector.ErrFresh
	}
	return c.door.Through(ctx, func(t *tracker) error {
		if !reflect.DeepEqual(n.trees, c.trees) {
			if err := t.retarget(ctx, n.trees); err != nil {
				return fmt.Errorf("filesystem: %w", err)
			}
		}
		if err := c.filter.Adopt(n.filter); err != nil {
			return fmt.Errorf("filesystem: %w", err)
		}
		c.options, c.trees, c.source = n.options, n.trees, n.source
		c.redactor.Adopt(n.redactor)
		t.bulk.adjust(c.options.Bulk, c.options.BulkWindow)
		c.setDescription(t.source)
		return nil
	})
}

// Succeed implements collector.Adjustable.
func (c *Collector) Succeed(before collector.Collector) {
	if b, ok := before.(*Collector); ok {
		c.sequence = b.sequence
	}
}

// Run implements collector.Collector: it emits what changes from now on.
func (c *Collector) Run(ctx context.Context, emit collector.Emit) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	defer s.close()
	c.Opened()
	e := newEmitter(emit, c.options.Host, c.reader, uint32(max(c.options.Agent, 0)), &c.sequence)
	e.filter, e.encoder.Redact, e.finder.Feed = c.filter, c.redactor, c.feed
	t := &tracker{
		trees: c.trees, source: s, index: index{files: make(map[string]stamp)}, emitter: e, look: look, waiting: make(map[string]change), again: make(map[string]uint32),
		door: c.door,
		bulk: newBulk(c.options.Bulk, c.options.BulkWindow, func(f *event.File, p *actor.Process, at clock.Moment) {
			e.emit(TopicBulk, event.OpBulk, f, p, 0, at)
		}),
	}
	return t.follow(ctx)
}
