package performance

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/redact"
	"github.com/daemoneye/eventbus/agent/collector/settings"
	"github.com/daemoneye/eventbus/agent/event"
)

// Name is the collector's name.
const Name = "performance"

// Bounds of Options, and the default of its interval.
const (
	DefaultInterval = 10 * time.Second
	MinInterval     = 100 * time.Millisecond
	MaxInterval     = time.Hour
	MaxTop          = 50
	MaxSustain      = 24 * time.Hour
)

// Options configure a Collector. With the zero value it samples at the default interval,
// names no processes, and has no limits.
type Options struct {
	// Interval is the time between two samples; 0 is DefaultInterval. It is from
	// MinInterval to MaxInterval.
	Interval time.Duration

	// Top is how many processes a sample names of those that take most processor time, and
	// of those that take most memory: up to MaxTop of each.
	Top int

	// Limits are where figures begin to be too high.
	Limits Limits

	// Sustain is for how long a figure has to be too high until it is an anomaly; up to
	// MaxSustain. 0 is at once.
	Sustain time.Duration

	// Hysteresis is by how many percent points a figure has to fall below its limit to
	// have recovered; 0 to 100.
	Hysteresis int

	// Redact states what is replaced in command lines.
	Redact redact.Patterns

	// Host is the machine.
	Host host.Host

	// Sys is where sysfs is mounted; empty is /sys.
	Sys string
}

// Collector measures the host.
//
// Describe and Name are safe for concurrent use; Run is for one caller at a time.
type Collector struct {
	collector.Opening

	options  Options // owned by Run
	reader   *reader
	sequence uint64 // of the last event; owned by Run
	redactor *redact.Redactor
	door     adjust.Door[*round]

	mu       sync.Mutex
	describe string // guarded by mu
}

var _ collector.Adjustable = (*Collector)(nil)

// section is the collector's section of the configuration, as it gets it.
type section struct {
	Interval       time.Duration `json:"interval"`
	Top            int           `json:"top_processes"`
	CPU            int           `json:"cpu_percent"`
	Memory         int           `json:"memory_percent"`
	Swap           int           `json:"swap_percent"`
	Filesystem     int           `json:"filesystem_percent"`
	Files          int           `json:"files_percent"`
	PressureCPU    int           `json:"cpu_pressure_percent"`
	PressureIO     int           `json:"io_pressure_percent"`
	PressureMemory int           `json:"memory_pressure_percent"`
	Sustain        time.Duration `json:"sustain"`
	Hysteresis     int           `json:"hysteresis_percent"`
	redact.Patterns
}

// Parse reads the settings of the collector, as package settings has them.
func Parse(s []byte, h host.Host) (Options, error) {
	var own section
	if err := settings.Decode(s, &own); err != nil {
		return Options{}, fmt.Errorf("performance: %w", err)
	}
	return Options{
		Interval: own.Interval, Top: own.Top, Sustain: own.Sustain, Hysteresis: own.Hysteresis, Redact: own.Patterns, Host: h,
		Limits: Limits{
			CPU: own.CPU, Memory: own.Memory, Swap: own.Swap, Filesystem: own.Filesystem, Files: own.Files,
			PressureCPU: own.PressureCPU, PressureIO: own.PressureIO, PressureMemory: own.PressureMemory,
		},
	}, nil
}

// New makes a collector, and starts nothing. It fails for options out of bounds, and where
// Host.Root is no procfs.
func New(o Options) (*Collector, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	r, err := newReader(o.Host.Root, o.Sys)
	if err != nil {
		return nil, fmt.Errorf("performance: procfs at %s: %w", o.Host.Root, err)
	}
	c := &Collector{options: o, reader: r, door: adjust.NewDoor[*round](), describe: fmt.Sprintf("procfs every %v", o.Interval)}
	if c.redactor, err = redact.New(o.Redact); err != nil {
		return nil, fmt.Errorf("performance: redact: %w", err)
	}
	if missing := r.missing(); len(missing) > 0 {
		c.describe += "; not to be had here: " + strings.Join(missing, ", ")
	}
	if hides := r.processes.Hides(); o.Top > 0 && hides != "" {
		c.describe += "; " + hides
	}
	return c, nil
}

func (o *Options) complete() error {
	o.Interval, o.Sys, o.Host = cmp.Or(o.Interval, DefaultInterval), cmp.Or(o.Sys, "/sys"), o.Host.Complete()
	if o.Interval < MinInterval || o.Interval > MaxInterval {
		return fmt.Errorf("performance: interval %v: want %v to %v", o.Interval, MinInterval, MaxInterval)
	}
	if o.Top < 0 || o.Top > MaxTop {
		return fmt.Errorf("performance: %d top processes: want 0 to %d", o.Top, MaxTop)
	}
	if o.Sustain < 0 || o.Sustain > MaxSustain {
		return fmt.Errorf("performance: sustain %v: want 0 to %v", o.Sustain, MaxSustain)
	}
	l := &o.Limits
	for _, percent := range []int{
		o.Hysteresis, l.CPU, l.Memory, l.Swap, l.Filesystem, l.Files, l.PressureCPU, l.PressureIO, l.PressureMemory,
	} {
		if percent < 0 || percent > 100 {
			return fmt.Errorf("performance: %d percent: want 0 to 100", percent)
		}
	}
	return nil
}

// Name implements collector.Collector.
func (c *Collector) Name() string { return Name }

// Describe implements collector.Collector.
func (c *Collector) Describe() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.describe
}

// Adjust implements collector.Adjustable: all of the collector's section can change.
func (c *Collector) Adjust(ctx context.Context, next collector.Collector) error {
	n, ok := next.(*Collector)
	if !ok {
		return collector.ErrFresh
	}
	rest, now := n.options, &c.options
	rest.Interval, rest.Top, rest.Limits, rest.Sustain, rest.Hysteresis = now.Interval, now.Top, now.Limits, now.Sustain, now.Hysteresis
	rest.Redact = now.Redact
	if !reflect.DeepEqual(rest, *now) {
		return collector.ErrFresh
	}
	return c.door.Through(ctx, func(r *round) error {
		c.options = n.options
		c.redactor.Adopt(n.redactor)
		r.adjust(&c.options)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.describe = n.Describe()
		return nil
	})
}

// Succeed implements collector.Adjustable.
func (c *Collector) Succeed(before collector.Collector) {
	if b, ok := before.(*Collector); ok {
		c.sequence = b.sequence
	}
}

// Run implements collector.Collector: it emits a sample at once, whose rates are unknown,
// and then one at each interval.
func (c *Collector) Run(ctx context.Context, emit collector.Emit) error {
	e := newEmitter(emit, c.options.Host, c.reader, &c.sequence)
	e.who.Redact = c.redactor
	r := &round{
		reader: c.reader, emitter: e, top: c.options.Top, interval: c.options.Interval,
		watches: newWatches(c.options.Limits, c.options.Hysteresis, c.options.Sustain),
	}
	r.next()
	c.Opened()
	pace := adjust.NewPace(r.interval)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case call := <-c.door.Calls():
			call(r)
			pace.Set(r.interval)
		case <-pace.C():
			pace.Next()
			r.next()
		}
	}
}

// round is what lasts from one sample to the next.
//
// One goroutine at a time.
type round struct {
	reader   *reader
	emitter  *emitter
	watches  *watches
	clock    clock.Clock
	before   *reading // nil at first
	top      int
	interval time.Duration
}

// adjust has the next samples made with other options.
func (r *round) adjust(o *Options) {
	r.top, r.interval = o.Top, o.Interval
	r.watches.adjust(o.Limits, o.Hysteresis, o.Sustain)
}

// next takes a sample and emits it.
func (r *round) next() {
	now := r.reader.read(r.top > 0)
	r.clock.Adjust()
	at := r.clock.At(now.monoNs)
	s := compare(r.before, now, r.top)
	r.before = now
	r.emitter.sample(s, at)
	r.watches.look(s, at, func(op event.Operation, u *event.Usage) { r.emitter.anomaly(op, u, at) })
}
