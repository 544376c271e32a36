package process

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/integrity"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/redact"
	"github.com/daemoneye/eventbus/agent/collector/settings"
)

// Name is the collector's name.
const Name = "process"

// Defaults and bounds of Options.
const (
	DefaultInterval      = 500 * time.Millisecond
	MaxInterval          = 500 * time.Millisecond
	MinInterval          = 10 * time.Millisecond
	DefaultReceiveBuffer = 4 << 20
	DefaultIntegritySize = 256 << 20
	DefaultIntegrityRate = 16 << 20
)

// Options configure a Collector. The zero value is ready for use.
type Options struct {
	// Mode chooses the source; empty is ModeAuto.
	Mode Mode

	// Interval is the time between two polls; 0 is DefaultInterval. It is from
	// MinInterval to MaxInterval, so that a start is known within half a second
	// whatever the source.
	Interval time.Duration

	// Forks announces each fork as an event of its own (event.OpFork), and the
	// end of processes that never ran a program of their own.
	Forks bool

	// Who states whose events are left out, and Redact what is replaced in command lines.
	Who    filter.Who
	Redact redact.Patterns

	// Integrity has programs hashed, each file once and when it has changed, up to MaxSize
	// bytes of each and Rate bytes a second; 0 are the defaults.
	Integrity     bool
	IntegritySize int64
	IntegrityRate int64

	// Host is the machine.
	Host host.Host

	// ReceiveBuffer is the size in bytes of the kernel's buffer for reports; 0 is
	// DefaultReceiveBuffer. Without CAP_NET_ADMIN net.core.rmem_max bounds it.
	ReceiveBuffer int

	programs programOptions // for tests
}

// Collector observes processes.
//
// Describe and Name are safe for concurrent use; Run is for one caller at a
// time.
type Collector struct {
	collector.Opening

	reader   *proc.Reader
	events   bool   // New found events of the kernel permitted; Run asks for no more than that
	sequence uint64 // of the last event; owned by Run
	door     adjust.Door[*tracker]
	filter   *filter.Filter
	redactor *redact.Redactor

	mu       sync.Mutex
	opened   source  // guarded by mu; programs that New has loaded, until the first Run takes them
	options  Options // Mode and Interval guarded by mu, the others immutable
	source   Mode    // guarded by mu; which source it is
	describe string  // guarded by mu
}

var _ collector.Remaker = (*Collector)(nil)

// New makes a collector. It asks the kernel which source is permitted, so that
// Describe is right from the start, and starts nothing. It fails for options out
// of bounds, where Root is no procfs, and for ModeNetlink where that is not
// permitted.
//
// The kernel's programs that it has loaded on the way belong to the first Run, so that they
// are loaded once. They are not attached before that.
func New(o Options) (*Collector, error) {
	c, err := prepare(o)
	if err != nil {
		return nil, err
	}
	s, err := c.open(&c.options)
	if err != nil {
		return nil, err
	}
	if c.events = s.feed != nil; s.mode == ModeEBPF {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.opened = s
		return c, nil
	}
	s.close() // the reports of a source that has begun would fill its buffer until Run
	return c, nil
}

// take returns the programs that New has loaded, once.
func (c *Collector) take() (s source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, c.opened = c.opened, source{}
	return s
}

// asked is New for a collector that may never run: it keeps nothing in the kernel.
func asked(o Options) (*Collector, error) {
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	c.take().close()
	return c, nil
}

// Check returns the error of New. It costs less where the mode leaves a choice, because the
// kernel is not asked for anything then.
func Check(o Options) error {
	if o.Mode != "" && o.Mode != ModeAuto && o.Mode != ModePoll {
		_, err := asked(o)
		return err
	}
	_, err := prepare(o)
	return err
}

// Remake implements collector.Remaker: with the same mode the kernel's events come from where
// they came from before, and no programs are loaded into the kernel.
func (c *Collector) Remake(s []byte) (collector.Collector, error) {
	o, err := Parse(s, c.options.Host)
	if err != nil {
		return nil, err
	}
	n, err := prepare(o)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.source == ModePoll || c.options.Mode != n.options.Mode {
		c, err := asked(o)
		if err != nil {
			return nil, err // and not a *Collector that is nil
		}
		return c, nil
	}
	n.events, n.source, n.describe = c.events, c.source, c.describe
	return n, nil
}

// prepare makes a collector without a source.
func prepare(o Options) (*Collector, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	r, err := proc.NewReader(o.Host.Root)
	if err != nil {
		return nil, fmt.Errorf("process: procfs at %s: %w", o.Host.Root, err)
	}
	c := &Collector{options: o, reader: r, door: adjust.NewDoor[*tracker]()}
	if c.filter, err = filter.New(o.Who); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	if c.redactor, err = redact.New(o.Redact); err != nil {
		return nil, fmt.Errorf("process: redact: %w", err)
	}
	return c, nil
}

// section is the collector's section of the configuration, as it gets it.
type section struct {
	Source       Mode          `json:"source"`
	PollInterval time.Duration `json:"poll_interval"`
	Forks        bool          `json:"forks"`
	Integrity    bool          `json:"integrity"`
	MaxSize      int64         `json:"integrity_max_size"`
	Rate         int64         `json:"integrity_rate"`
	filter.Who
	redact.Patterns
}

// Parse reads the settings of the collector, as package settings has them.
func Parse(s []byte, h host.Host) (Options, error) {
	var own section
	if err := settings.Decode(s, &own); err != nil {
		return Options{}, fmt.Errorf("process: %w", err)
	}
	return Options{Mode: own.Source, Interval: own.PollInterval, Forks: own.Forks, Integrity: own.Integrity, IntegritySize: own.MaxSize, IntegrityRate: own.Rate, Who: own.Who, Redact: own.Patterns, Host: h}, nil
}

func (o *Options) complete() error {
	if o.Mode == "" {
		o.Mode = ModeAuto
	}
	if !slices.Contains([]Mode{ModeAuto, ModeEBPF, ModeNetlink, ModePoll}, o.Mode) {
		return fmt.Errorf("process: mode %q: want auto, ebpf, netlink or poll", o.Mode)
	}
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.Interval < MinInterval || o.Interval > MaxInterval {
		return fmt.Errorf("process: interval %v: want %v to %v", o.Interval, MinInterval, MaxInterval)
	}
	if o.ReceiveBuffer == 0 {
		o.ReceiveBuffer = DefaultReceiveBuffer
	}
	if o.ReceiveBuffer < 0 || o.ReceiveBuffer > 1<<30 {
		return fmt.Errorf("process: receive buffer of %d bytes: want 1 to %d", o.ReceiveBuffer, 1<<30)
	}
	o.IntegritySize, o.IntegrityRate = cmp.Or(o.IntegritySize, DefaultIntegritySize), cmp.Or(o.IntegrityRate, DefaultIntegrityRate)
	if o.IntegritySize < 0 || o.IntegrityRate < 0 {
		return fmt.Errorf("process: integrity up to %d bytes, %d a second: want more than 0", o.IntegritySize, o.IntegrityRate)
	}
	o.Host = o.Host.Complete()
	return nil
}

// open chooses and opens the source, and notes what Describe is to return.
func (c *Collector) open(o *Options) (source, error) {
	s, err := choose(o.Mode, o)
	if err != nil {
		return s, err
	}
	c.mu.Lock()
	c.source, c.describe = s.mode, s.describe
	if hides := c.reader.Hides(); hides != "" {
		c.describe += "; " + hides
	}
	c.mu.Unlock()
	return s, nil
}

// Name implements collector.Collector.
func (c *Collector) Name() string { return Name }

// Filtered implements collector.Filterer.
func (c *Collector) Filtered() uint64 { return c.filter.Filtered() }

// Describe implements collector.Collector.
func (c *Collector) Describe() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.describe
}

// Adjust implements collector.Adjustable: the interval can change, what is left out and
// replaced, and the mode as long as the source is the same.
func (c *Collector) Adjust(ctx context.Context, next collector.Collector) error {
	n, ok := next.(*Collector)
	if !ok {
		return collector.ErrFresh
	}
	c.mu.Lock()
	rest, same, polls := n.options, n.source == c.source, c.source == ModePoll
	rest.Mode, rest.Interval, rest.Who, rest.Redact = c.options.Mode, c.options.Interval, c.options.Who, c.options.Redact
	same = same && reflect.DeepEqual(rest, c.options)
	c.mu.Unlock()
	if !same {
		return collector.ErrFresh
	}
	take := func(t *tracker) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.filter.Adopt(n.filter); err != nil {
			return fmt.Errorf("process: %w", err)
		}
		c.options.Mode, c.options.Interval, c.describe = n.options.Mode, n.options.Interval, n.Describe()
		c.options.Who, c.options.Redact = n.options.Who, n.options.Redact
		c.redactor.Adopt(n.redactor)
		if t != nil {
			t.interval = c.options.Interval
		}
		return nil
	}
	if !polls {
		return take(nil) // the kernel's events have no interval
	}
	return c.door.Through(ctx, take)
}

// Succeed implements collector.Adjustable.
func (c *Collector) Succeed(before collector.Collector) {
	if b, ok := before.(*Collector); ok {
		c.sequence = b.sequence
	}
}

// Run implements collector.Collector: it emits a snapshot of the processes that
// there are, and then what starts and ends.
func (c *Collector) Run(ctx context.Context, emit collector.Emit) error {
	c.mu.Lock()
	o := c.options
	c.mu.Unlock()
	s := c.take()
	if c.events && s.feed == nil {
		// Privileges may have been dropped since New: with ModeAuto that is no error.
		var err error
		if s, err = c.open(&o); err != nil {
			return err
		}
	}
	e := newEmitter(emit, o.Host, &c.sequence)
	e.filter, e.who.Redact = c.filter, c.redactor
	if o.Integrity {
		defer e.hash(ctx, integrity.New(integrity.Options{Root: o.Host.Root, MaxSize: o.IntegritySize, Rate: o.IntegrityRate}))()
	}
	t := &tracker{
		table:   table{},
		reader:  c.reader,
		emitter: e,
		forks:   o.Forks,
		door:    c.door, interval: o.Interval, open: &c.Opening,
	}
	if s.feed == nil {
		return t.poll(ctx)
	}
	defer s.close()
	return s.feed.follow(ctx, t)
}
