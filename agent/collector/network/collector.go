package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/receive"
	"github.com/daemoneye/eventbus/agent/collector/redact"
	"github.com/daemoneye/eventbus/agent/collector/settings"
	"github.com/daemoneye/eventbus/agent/event"
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

// Options configure a Collector. The zero value is ready for use.
type Options struct {
	// Interval is the time between two looks at all sockets; 0 is DefaultInterval. It is
	// from MinInterval to MaxInterval.
	Interval time.Duration

	// Traffic is the time between two samples of what went through each interface; 0 is
	// none, up to MaxTraffic.
	Traffic time.Duration

	// ReceiveBuffer is the size in bytes of the kernel's buffer for the ends of sockets; 0
	// is DefaultReceiveBuffer. Without CAP_NET_ADMIN net.core.rmem_max bounds it.
	ReceiveBuffer int

	// Who says whose events are left out, and Redact what is replaced in command lines.
	Who    filter.Who
	Redact redact.Patterns

	// Host is the machine.
	Host host.Host
}

// Collector observes connections and ports that are listened on.
//
// Describe and Name are safe for concurrent use; Run is for one caller at a time.
type Collector struct {
	options  Options // owned by Run
	reader   *proc.Reader
	sequence uint64 // of the last event; owned by Run
	noEnds   error  // why the ends of sockets are not to be had; nil where they are
	hides    string // what of processes is kept from us
	feed     *actor.Feed
	door     adjust.Door[*tracker]
	filter   *filter.Filter
	redactor *redact.Redactor

	mu       sync.Mutex
	describe string // guarded by mu
}

var _ collector.Adjustable = (*Collector)(nil)

// section is the collector's section of the configuration, as it gets it.
type section struct {
	Interval time.Duration `json:"interval"`
	Traffic  time.Duration `json:"traffic_interval"`
	filter.Who
	redact.Patterns
}

// Parse reads the settings of the collector, as package settings has them.
func Parse(s []byte, h host.Host) (Options, error) {
	var own section
	if err := settings.Decode(s, &own); err != nil {
		return Options{}, fmt.Errorf("network: %w", err)
	}
	return Options{Interval: own.Interval, Traffic: own.Traffic, Who: own.Who, Redact: own.Patterns, Host: h}, nil
}

// New makes a collector. It asks the kernel once what is permitted, so that Describe is
// right from the start, and starts nothing. It fails for options out of bounds, where
// Host.Root is no procfs, and where the kernel has no sock_diag.
func New(o Options) (*Collector, error) {
	o.Interval, o.ReceiveBuffer, o.Host = cmp.Or(o.Interval, DefaultInterval), cmp.Or(o.ReceiveBuffer, DefaultReceiveBuffer), o.Host.Complete()
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
	d, ends, err := c.open()
	if err != nil {
		return nil, err
	}
	err = d.list(func(*socket) {})
	d.close()
	if ends != nil {
		ends.Close()
	}
	if err != nil && !errors.Is(err, errChanged) {
		return nil, fmt.Errorf("network: %w", err)
	}
	return c, nil
}

// open opens the sources, and notes what Describe is to say. ends is nil where the kernel
// does not let us have them.
func (c *Collector) open() (d *diag, ends *os.File, err error) {
	if d, err = openDiag(); err != nil {
		return nil, nil, fmt.Errorf("network: %w", err)
	}
	if ends, c.noEnds = openEnds(c.options.ReceiveBuffer); c.noEnds != nil {
		ends = nil
	}
	c.hides = c.reader.Hides()
	c.say()
	return d, ends, nil
}

// say notes what Describe is to say.
func (c *Collector) say() {
	describe := fmt.Sprintf("sock_diag every %v, and the ends of sockets as they come: who opened a shorter connection is not known", c.options.Interval)
	if c.noEnds != nil {
		describe = fmt.Sprintf("sock_diag every %v: shorter connections are missed (no ends of sockets: %v)", c.options.Interval, c.noEnds)
	}
	if c.hides != "" {
		describe += "; " + c.hides
	}
	c.mu.Lock()
	c.describe = describe
	c.mu.Unlock()
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

// Adjust implements collector.Adjustable: the interval can change, and what is left out and
// replaced.
func (c *Collector) Adjust(ctx context.Context, next collector.Collector) error {
	n, ok := next.(*Collector)
	if !ok {
		return collector.ErrFresh
	}
	rest := n.options
	rest.Interval, rest.Traffic, rest.Who, rest.Redact = c.options.Interval, c.options.Traffic, c.options.Who, c.options.Redact
	if !reflect.DeepEqual(rest, c.options) {
		return collector.ErrFresh
	}
	return c.door.Through(ctx, func(t *tracker) error {
		c.options, t.interval = n.options, n.options.Interval
		t.meter.adjust(n.options.Traffic)
		c.filter.Adopt(n.filter)
		c.redactor.Adopt(n.redactor)
		c.say()
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
	d, ends, err := c.open()
	if err != nil {
		return err
	}
	defer d.close()
	e := newEmitter(emit, c.options.Host, &c.sequence)
	e.filter, e.encoder.Redact = c.filter, c.redactor
	finder := actor.NewFinder(c.reader)
	finder.Feed = c.feed
	t := &tracker{
		lister: d, owners: &owners{c.options.Host.Root, c.reader}, finder: finder,
		emitter: e, table: make(map[uint64]*conn), ports: make(map[port][]*conn),
		door: c.door, interval: c.options.Interval, meter: newMeter(c.options.Host.Root, c.options.Traffic),
	}
	defer t.meter.pace.Stop()
	if ends == nil {
		return t.follow(ctx, nil, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	q := receive.New(batches, batchBytes)
	failed := make(chan error, 1)
	var receiver sync.WaitGroup
	receiver.Go(func() { failed <- q.Receive(ctx, receive.File(ends)) }) // ended and awaited by the next line
	defer func() { cancel(); receiver.Wait(); ends.Close() }()
	return t.follow(ctx, q, failed)
}

const (
	// batchBytes holds one message about the end of a socket, which comes alone and has
	// some 400 bytes.
	batchBytes = 2 << 10
	batches    = 256
)

// follow looks at all sockets at each interval, and takes the ends that come in between,
// until ctx ends. q is nil where there are none.
func (t *tracker) follow(ctx context.Context, q *receive.Queue, failed <-chan error) error {
	if err := t.look(0); err != nil {
		return err
	}
	pace := adjust.NewPace(t.interval)
	defer pace.Stop()
	var full <-chan *receive.Batch
	if q != nil {
		full = q.Full()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case call := <-t.door.Calls():
			call(t)
			pace.Set(t.interval)
		case b := <-full:
			lost := b.Overrun || t.take(b.Bytes) != nil
			q.Done(b)
			if lost {
				t.emitter.Gap(event.Loss{Reason: "ends of sockets: the receive buffer overran"}, t.clock.Now())
				if err := t.look(event.TimeApproximate); err != nil {
					return err
				}
			}
		case <-t.meter.pace.C():
			t.meter.pace.Next()
			t.clock.Adjust()
			at := t.clock.Now()
			for _, x := range t.meter.sample(at.MonoNs) {
				t.emitter.traffic(&x, at)
			}
		case <-pace.C():
			pace.Next()
			if err := t.look(event.TimeApproximate); err != nil {
				return err
			}
		}
	}
}

// take takes messages about the ends of sockets into account.
func (t *tracker) take(b []byte) error {
	t.clock.Adjust()
	for len(b) > 0 {
		kind, _, body, rest, err := nextMessage(b)
		if err != nil {
			return err
		}
		b = rest
		if kind != unix.SOCK_DIAG_BY_FAMILY {
			continue
		}
		s, err := parseSocket(body)
		if err != nil {
			return err
		}
		t.ended(&s)
	}
	return nil
}
