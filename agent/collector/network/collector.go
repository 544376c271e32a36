package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/redact"
	"github.com/daemoneye/eventbus/agent/collector/settings"
)

// Name is the collector's name.
const Name = "network"

// Bounds of Options, and its defaults.
const (
	DefaultInterval      = time.Second
	MinInterval          = 50 * time.Millisecond
	MaxInterval          = time.Minute
	MaxTraffic           = time.Hour
	DefaultReceiveBuffer = 1 << 20
)

// Whether queries of DNS are wanted.
const (
	DNSAuto = "auto"
	DNSOff  = "off"
)

// Options configure a Collector. The zero value is ready for use.
type Options struct {
	// Mode chooses the source; empty is ModeAuto.
	Mode Mode

	// Interval is the time between two looks at all sockets, or at those of UDP with
	// ModeEBPF; 0 is DefaultInterval. It is from MinInterval to MaxInterval.
	Interval time.Duration

	// Traffic is the time between two samples of what went through each interface; 0 is
	// none, up to MaxTraffic.
	Traffic time.Duration

	// DNS is DNSAuto, the default, for queries of DNS where they can be seen, or DNSOff.
	DNS string

	// ReceiveBuffer is the size in bytes of the kernel's buffer for the ends of sockets; 0
	// is DefaultReceiveBuffer. Without CAP_NET_ADMIN net.core.rmem_max bounds it.
	ReceiveBuffer int

	// Who states whose events are left out, and Redact what is replaced in command lines.
	Who    filter.Who
	Redact redact.Patterns

	// Host is the machine.
	Host host.Host

	programs programOptions // for tests
}

// Collector observes connections and ports that are listened on.
//
// Describe and Name are safe for concurrent use; Run is for one caller at a time.
type Collector struct {
	collector.Opening

	options  Options // owned by Run
	reader   *proc.Reader
	sequence uint64 // of the last event; owned by Run
	feed     *actor.Feed
	door     adjust.Door[*tracker]
	filter   *filter.Filter
	redactor *redact.Redactor

	mu       sync.Mutex
	opened   *open  // guarded by mu; what New has opened, until the first Run takes it
	chosen   choice // guarded by mu
	describe string // guarded by mu
}

var _ collector.Remaker = (*Collector)(nil)

// section is the collector's section of the configuration, as it gets it.
type section struct {
	Source   Mode          `json:"source"`
	Interval time.Duration `json:"interval"`
	Traffic  time.Duration `json:"traffic_interval"`
	DNS      string        `json:"dns"`
	filter.Who
	redact.Patterns
}

// Parse reads the settings of the collector, as package settings has them.
func Parse(s []byte, h host.Host) (Options, error) {
	var own section
	if err := settings.Decode(s, &own); err != nil {
		return Options{}, fmt.Errorf("network: %w", err)
	}
	return Options{Mode: own.Source, Interval: own.Interval, Traffic: own.Traffic, DNS: own.DNS, Who: own.Who, Redact: own.Patterns, Host: h}, nil
}

// New makes a collector. It asks the kernel once what is permitted, so that Describe is
// right from the start, and starts nothing. It fails for options out of bounds, where
// Host.Root is no procfs, where the kernel has no sock_diag, and for ModeEBPF where that is
// not permitted. The program that it has loaded belongs to the first Run, and is not attached
// before that.
func New(o Options) (*Collector, error) {
	c, err := prepare(o)
	if err != nil {
		return nil, err
	}
	s, err := c.ask(c.options.Mode)
	if err != nil {
		return nil, err
	}
	if _, ok := s.source.(*programs); ok {
		c.opened = s
	} else {
		s.close() // its buffer would fill until Run
	}
	return c, nil
}

// Check returns the error of New. It costs less where the mode leaves a choice, because no
// programs are loaded into the kernel then.
func Check(o Options) error {
	c, err := prepare(o)
	if err != nil {
		return err
	}
	mode := c.options.Mode
	if mode == ModeAuto {
		mode = ModeDiag
	}
	s, err := c.ask(mode)
	if err == nil {
		s.close()
	}
	return err
}

// Remake implements collector.Remaker: with the same mode the source is what it was.
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
	n.chosen = c.chosen
	c.mu.Unlock()
	if c.options.Mode == n.options.Mode {
		n.setDescription()
		return n, nil
	}
	asked, err := n.ask(n.options.Mode)
	if err != nil {
		return nil, err
	}
	asked.close() // it may never run
	return n, nil
}

// prepare makes a collector that has asked nothing yet.
func prepare(o Options) (*Collector, error) {
	o.Mode, o.Interval = cmp.Or(o.Mode, ModeAuto), cmp.Or(o.Interval, DefaultInterval)
	o.ReceiveBuffer, o.Host = cmp.Or(o.ReceiveBuffer, DefaultReceiveBuffer), o.Host.Complete()
	if !slices.Contains([]Mode{ModeAuto, ModeEBPF, ModeDiag}, o.Mode) {
		return nil, fmt.Errorf("network: mode %q: want auto, ebpf or sock_diag", o.Mode)
	}
	if o.DNS = cmp.Or(o.DNS, DNSAuto); o.DNS != DNSAuto && o.DNS != DNSOff {
		return nil, fmt.Errorf("network: dns %q: want auto or off", o.DNS)
	}
	if o.Interval < MinInterval || o.Interval > MaxInterval {
		return nil, fmt.Errorf("network: interval %v: want %v to %v", o.Interval, MinInterval, MaxInterval)
	}
	if o.Traffic < 0 || o.Traffic > MaxTraffic {
		return nil, fmt.Errorf("network: traffic every %v: want 0 to %v", o.Traffic, MaxTraffic)
	}
	if o.ReceiveBuffer < 0 || o.ReceiveBuffer > 1<<30 {
		return nil, fmt.Errorf("network: receive buffer of %d bytes: want 1 to %d", o.ReceiveBuffer, 1<<30)
	}
	r, err := proc.NewReader(o.Host.Root)
	if err != nil {
		return nil, fmt.Errorf("network: procfs at %s: %w", o.Host.Root, err)
	}
	c := &Collector{options: o, reader: r, door: adjust.NewDoor[*tracker](), feed: actor.NewFeed()}
	if c.filter, err = filter.New(o.Who); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if c.redactor, err = redact.New(o.Redact); err != nil {
		return nil, fmt.Errorf("network: redact: %w", err)
	}
	return c, nil
}

// ask finds out which source a mode leads to here, and whether the kernel lists its sockets.
// It returns what it has opened for that.
func (c *Collector) ask(mode Mode) (*open, error) {
	s, err := c.open(mode)
	if err != nil {
		return nil, err
	}
	err = s.diag.list(everything, func(*socket) {})
	if err != nil && !errors.Is(err, errChanged) {
		s.close()
		return nil, fmt.Errorf("network: %w", err)
	}
	return s, nil
}

// open is what was opened to observe with.
type open struct {
	*diag
	source  source
	queries *queries // nil where they are not seen
}

func (o *open) close() {
	o.diag.close()
	o.source.close()
	o.queries.close()
}

// open opens what lists sockets, the source and what sees queries, and notes what Describe
// is to return.
func (c *Collector) open(mode Mode) (*open, error) {
	d, err := openDiag()
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	s, chosen, err := choose(mode, &c.options)
	if err != nil {
		d.close()
		return nil, err
	}
	var q *queries
	if chosen.noDNS = "as configured"; c.options.DNS == DNSAuto {
		chosen.noDNS = ""
		if q, err = openQueries(&c.options); err != nil {
			q, chosen.noDNS = nil, noQueries(err)
		}
	}
	chosen.hides = hides(c.reader)
	c.mu.Lock()
	if c.chosen.mode == chosen.mode && chosen.instead == "" { // it was refused before, and is not tried again
		chosen.instead = c.chosen.instead
	}
	c.chosen = chosen
	c.mu.Unlock()
	c.setDescription()
	return &open{d, s, q}, nil
}

// setDescription notes what Describe is to return.
func (c *Collector) setDescription() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.describe = c.chosen.describe(c.options.Interval)
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

// Adjust implements collector.Adjustable: the interval can change, what is left out and
// replaced, and the mode as long as the source is the same.
func (c *Collector) Adjust(ctx context.Context, next collector.Collector) error {
	n, ok := next.(*Collector)
	if !ok {
		return collector.ErrFresh
	}
	c.mu.Lock()
	same := n.chosen.mode == c.chosen.mode // n is not in use
	c.mu.Unlock()
	rest := n.options
	rest.Mode = c.options.Mode
	rest.Interval, rest.Traffic, rest.Who, rest.Redact = c.options.Interval, c.options.Traffic, c.options.Who, c.options.Redact
	if !same || !reflect.DeepEqual(rest, c.options) {
		return collector.ErrFresh
	}
	return c.door.Through(ctx, func(t *tracker) error {
		if err := c.filter.Adopt(n.filter); err != nil {
			return fmt.Errorf("network: %w", err)
		}
		c.options, t.interval = n.options, n.options.Interval
		t.meter.adjust(n.options.Traffic)
		c.mu.Lock()
		c.chosen = n.chosen
		c.mu.Unlock()
		c.redactor.Adopt(n.redactor)
		c.setDescription()
		return nil
	})
}

// Succeed implements collector.Adjustable.
func (c *Collector) Succeed(before collector.Collector) {
	if b, ok := before.(*Collector); ok {
		c.sequence = b.sequence
	}
}

// Run implements collector.Collector: it emits a snapshot of what there is, and then what
// is opened and closed.
func (c *Collector) Run(ctx context.Context, emit collector.Emit) error {
	c.mu.Lock()
	mode := c.options.Mode
	if c.chosen.mode == ModeDiag {
		mode = ModeDiag // New found nothing better to be permitted
	}
	s := c.opened
	c.opened = nil
	c.mu.Unlock()
	if s == nil { // privileges may have been dropped since New: with ModeAuto that is no error
		var err error
		if s, err = c.open(mode); err != nil {
			return err
		}
	}
	defer s.close()
	e := newEmitter(emit, c.options.Host, &c.sequence)
	e.filter, e.encoder.Redact = c.filter, c.redactor
	finder := actor.NewFinder(c.reader)
	finder.Feed = c.feed
	m := newMeter(c.options.Host.Root, c.options.Traffic)
	defer m.pace.Stop()
	return s.source.follow(ctx, &tracker{
		lister: s.diag, owners: &owners{c.options.Host.Root, c.reader}, finder: finder,
		emitter: e, table: make(map[uint64]*conn), ports: make(map[port][]*conn), gone: make(map[uint64]uint64),
		door: c.door, interval: c.options.Interval, meter: m, queries: s.queries, open: &c.Opening,
	})
}
