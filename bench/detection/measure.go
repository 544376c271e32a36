package detection

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/detect/mix"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// Nominal load.
const (
	rate    = 10_000                 // events a second
	budget  = 500 * time.Microsecond // that a collector spends, and the broker
	markedA = 10                     // events a second that a rule matches
)

// Outcome is one round of an agent.
type Outcome struct {
	Start   time.Duration // from making the agent to ready
	RSS     int64         // without load
	Usage   proc.Usage    // of its process
	Sent    int
	Alerts  int
	Latency load.Histogram // from publishing an event to the arrival of its alert
	Disk    load.Histogram // what the disk takes to append as much as an alert has, and to sync it
}

// Beyond is how much longer the quantile of an alert is than the latency budget and than
// the disk's own.
func (o *Outcome) Beyond(q float64) time.Duration {
	return o.Latency.Quantile(q) - budget - o.Disk.Quantile(q)
}

// Cores is how much of a core its process took.
func (o *Outcome) Cores() float64 { return o.Usage.CPU.Seconds() / o.Usage.Wall.Seconds() }

// Case is an agent and what it is sent.
type Case struct {
	Rules  int
	Off    bool // without detection
	Silent bool // no event is marked, so that there are no alerts
}

// Alerts reports whether there are alerts.
func (c Case) Alerts() bool { return !c.Off && !c.Silent }

// String is the case in a table.
func (c Case) String() string {
	switch {
	case c.Off:
		return "no detection"
	case c.Silent:
		return strconv.Itoa(c.Rules) + ", no alerts"
	}
	return strconv.Itoa(c.Rules)
}

// Measure runs an agent for a time.
func Measure(ctx context.Context, c Case, span time.Duration) (out Outcome, err error) {
	dir, err := os.MkdirTemp("", "detection")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	s := setting{Dir: dir, Rules: c.Rules, Enabled: !c.Off}
	p, err := proc.Start(ctx, Role, s)
	if err != nil {
		return out, err
	}
	defer p.Stop()
	var u up
	if err := p.Ready(ctx, &u); err != nil {
		return out, err
	}
	out.Start, out.RSS = u.Start, u.RSS
	client, err := ipc.DialOptions(ctx, ipc.ClientOptions{Path: s.socket(), Name: "bench", LatencyBudget: budget})
	if err != nil {
		return out, err
	}
	defer client.Close()
	r := &receiver{sent: map[string]int64{}}
	if _, err := client.Subscribe(ctx, router.Subscription{Patterns: []string{"alerts.#"}, Handler: r.take}); err != nil {
		return out, err
	}
	pub, err := publisherOf(client)
	if err != nil {
		return out, err
	}
	events, err := mix.Events()
	if err != nil {
		return out, err
	}
	if err := syncs(dir, &out.Disk); err != nil {
		return out, err
	}
	when := load.NewSpan(100*time.Millisecond, span/4, span)
	if err := p.Go(when); err != nil {
		return out, err
	}
	if out.Sent, err = publish(ctx, pub, r, events, c.Silent, when); err != nil {
		return out, err
	}
	if err := p.Result(ctx, &out.Usage); err != nil {
		return out, err
	}
	if c.Alerts() {
		r.wait(ctx)
	}
	out.Alerts, out.Latency = r.outcome()
	return out, syncs(dir, &out.Disk)
}

// publisherOf returns what publishes an event on a topic of its type: on another one it
// would be taken for a forgery.
func publisherOf(client *ipc.Client) (func(event.View) error, error) {
	by := map[event.Type]router.Publisher{}
	for t := event.TypeProcess; t <= event.TypePerformance; t++ {
		p, err := client.PublisherOf(router.Outgoing{Topic: "events." + t.String() + ".bench", Content: frame.ContentEvent})
		if err != nil {
			return nil, err
		}
		by[t] = p
	}
	return func(v event.View) error { return by[v.Type()].Publish(v) }, nil
}

// publish publishes by the clock, a millisecond's events at once.
func publish(ctx context.Context, publish func(event.View) error, r *receiver, events []event.View, silent bool, when load.Span) (n int, err error) {
	const each = rate / 1000
	for due := when.Begin; due < when.To; due += int64(time.Millisecond) {
		if err := load.SleepUntil(ctx, due); err != nil {
			return n, err
		}
		for range each {
			payload := events[n%len(events)]
			if !silent && n%(rate/markedA) == 0 {
				payload = r.mark(n)
			}
			if err := publish(payload); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// receiver knows when what is marked was sent, and takes the alerts on it. Safe for
// concurrent use.
type receiver struct {
	mu      sync.Mutex
	sent    map[string]int64 // guarded by mu; by program
	latency load.Histogram   // guarded by mu
	alerts  int              // guarded by mu
}

// mark returns the start of a program of its own that a rule matches.
func (r *receiver) mark(n int) []byte {
	name := "/opt/bench/" + strconv.Itoa(n)
	now := load.Now()
	r.mu.Lock()
	r.sent[name] = now
	r.mu.Unlock()
	e := event.Process{
		Header: event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: uint32(n + 10), StartTicks: uint64(n), MonoNs: now, WallNs: time.Now().UnixNano()},
		Actor:  event.Actor{Executable: name, CommandLine: name + "\x00" + marked, PPID: 4},
	}
	return e.Append(nil)
}

func (r *receiver) take(m *router.Message) {
	if m.Gap != nil || !bytes.Contains(m.Payload, []byte(marked)) {
		return
	}
	now := load.Now()
	var a struct {
		alert.Alert
		Event struct {
			Process struct {
				Executable string `json:"executable"`
			} `json:"process"`
		} `json:"event"`
	}
	if json.Unmarshal(m.Payload, &a) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.sent[a.Event.Process.Executable]; ok {
		delete(r.sent, a.Event.Process.Executable)
		r.latency.Record(time.Duration(now - at))
		r.alerts++
	}
}

// wait waits until each alert has come, for at most some seconds.
func (r *receiver) wait(ctx context.Context) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		left := len(r.sent)
		r.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

func (r *receiver) outcome() (int, load.Histogram) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alerts, r.latency
}

// String is the outcome on a line.
func (o *Outcome) String() string {
	return fmt.Sprintf("ready after %v, %d B resident, %.2f %% of a core; %d events, %d alerts, p50 %v, p99 %v; disk p50 %v, p99 %v",
		o.Start, o.RSS, 100*o.Cores(), o.Sent, o.Alerts, o.Latency.Quantile(0.5), o.Latency.Quantile(0.99), o.Disk.Quantile(0.5), o.Disk.Quantile(0.99))
}
