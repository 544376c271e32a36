package ipc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
)

const day = 24 * time.Hour

// near reports whether a time is at most a minute from another, which tells the clocks of
// these tests apart however slow the machine is.
func near(got, want int64) bool { return max(got-want, want-got) < int64(time.Minute) }

// TestABrokerWithAnotherClock holds that a client converts all times that it writes and
// reads, where the broker's clock is a day ahead or behind.
func TestABrokerWithAnotherClock(t *testing.T) {
	booted := time.Duration(frame.Now() - 1) // no clock is behind that
	for name, offset := range map[string]time.Duration{"ahead": day, "behind": -min(day, booted), "the same": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := func() int64 { return frame.Now() + int64(offset) }
			f := newFake(t)
			st := make(chan error, 10)
			c, p := f.dial(frame.Welcome{ClockNs: broker()}, ipc.ClientOptions{OnState: func(err error) { st <- err }})

			if now := c.BrokerNow(); !near(now, broker()) {
				t.Errorf("the client says that the broker's clock is %d, and it is %d", now, broker())
			}

			// What is written.
			for _, publish := range []func() error{
				func() error { return publisher(t, c, "events.a").Publish([]byte("fast")) },
				func() error { return c.Publish(t.Context(), router.Outgoing{Topic: "events.a"}) },
			} {
				if err := publish(); err != nil {
					t.Fatal(err)
				}
				if m := p.expect(frame.TypePublish); !near(m.Time(), broker()) {
					t.Errorf("a message has the time %d, and the broker's clock is %d", m.Time(), broker())
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			replied := make(chan error, 1)
			go func() { // ends with the reply
				_, err := c.Request(ctx, "a.b", nil)
				replied <- err
			}()
			r := p.expect(frame.TypeRequest)
			if ns, ok := r.Extension().Deadline(); !ok || !near(ns, broker()+int64(time.Hour)) || !near(r.Time(), broker()) {
				t.Errorf("a request has the deadline %d, and the broker's clock is %d", ns, broker())
			}
			p.send(encode(frame.Fields{Type: frame.TypeReply, ID: r.ID()}))
			if err := <-replied; err != nil {
				t.Fatal(err)
			}

			// What is read.
			published := func(id uint64, payload string) []byte {
				return encode(frame.Fields{Type: frame.TypePublish, ID: endpoint.PublishID | id, Topic: "events.a", Payload: []byte(payload), Time: broker()})
			}
			sub, id := p.subscribed(c, router.Subscription{Patterns: []string{"#"}})
			p.send(streamOf(id, router.Bulk, 0), published(1, "1"), published(2, "2"))
			n := 0
			for m := range sub.Messages(within(t)) {
				if !near(m.Published(), frame.Now()) {
					t.Errorf("a message was published at %d, and the client's clock is %d", m.Published(), frame.Now())
				}
				if n++; n == 2 {
					break
				}
			}
			handled := make(chan int64, 10)
			_, id = p.subscribed(c, router.Subscription{Patterns: []string{"#"}, Handler: func(m *router.Message) {
				if m.Gap == nil {
					handled <- m.Published()
				}
			}})
			whole := append(published(1, "1"), published(2, strings.Repeat("x", 1000))...)
			p.send(streamOf(id, router.Bulk, 0), whole[:len(whole)-500], whole[len(whole)-500:])
			for range 2 {
				if ns := <-handled; !near(ns, frame.Now()) {
					t.Errorf("a handler's message was published at %d, and the client's clock is %d", ns, frame.Now())
				}
			}
			deadlines := make(chan time.Time, 1)
			go func() { // ends with the ack
				_, err := c.Respond(t.Context(), "x.y", func(ctx context.Context, _ *router.Request) ([]byte, error) {
					d, _ := ctx.Deadline()
					deadlines <- d
					return nil, nil
				})
				if err != nil {
					t.Error(err)
				}
			}()
			ext, err := frame.AppendExtension(nil, &frame.Meta{Deadline: broker() + int64(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			id = p.acknowledge()
			p.send(streamOf(id, router.Urgent, 0), encode(frame.Fields{Type: frame.TypeRequest, ID: 9, Topic: "x.y", Source: 3, Extension: ext, Time: broker()}))
			if left := time.Until(<-deadlines); left < 59*time.Minute || left > 61*time.Minute {
				t.Errorf("a responder has %s left of an hour", left)
			}
			if f := p.next(frame.TypeCredit); f.Type() != frame.TypeReply || !near(f.Time(), broker()) {
				t.Errorf("%s with the time %d, and the broker's clock is %d", f.Type(), f.Time(), broker())
			}
			p.send(encode(frame.Fields{Type: frame.TypePing, ID: 5, Time: 12345}))
			if f := p.next(frame.TypeCredit); f.Type() != frame.TypePong || f.Time() != 12345 {
				t.Errorf("%s with the time %d, want a pong with the ping's", f.Type(), f.Time())
			}

			// What is kept for the next broker, whose clock is another one.
			p.conn.Close()
			if err := <-st; err == nil {
				t.Fatal("the connection is not lost")
			}
			if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.a"}); err != nil {
				t.Fatal(err)
			}
			p = <-f.welcome(frame.Welcome{ClockNs: frame.Now() + 7*int64(day)})
			if m := p.next(frame.TypeSubscribe, frame.TypeCredit); m.Type() != frame.TypePublish || !near(m.Time(), frame.Now()+7*int64(day)) {
				t.Errorf("a kept %s has the time %d, and the new broker's clock is %d", m.Type(), m.Time(), frame.Now()+7*int64(day))
			}
		})
	}
}

// TestClientsOfTwoTimeNamespaces has a client in a time namespace whose monotonic clock
// is a day ahead: latencies and deadlines are right in both directions.
func TestClientsOfTwoTimeNamespaces(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	messages := subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	left := make(chan time.Duration, 1)
	if _, err := c.Respond(t.Context(), "here", func(ctx context.Context, _ *router.Request) ([]byte, error) {
		d, _ := ctx.Deadline()
		left <- time.Until(d)
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	there := spawnInTimeNamespace(t, day, "otherClock", s.path)
	var ahead time.Duration
	if ns, err := strconv.ParseInt(there.line(), 10, 64); err != nil {
		t.Fatal(err)
	} else if ahead = time.Duration(ns - frame.Now()); ahead < day-time.Hour {
		t.Skipf("a program that is executed does not enter the time namespace of its parent's children: its clock is %s ahead", ahead)
	}

	for m := range messages.Messages(within(t)) {
		if !near(m.Published(), frame.Now()) {
			t.Errorf("the other's message was published at %d, and the clock here is %d", m.Published(), frame.Now())
		}
		break
	}
	if d := <-left; d < 59*time.Minute || d > 61*time.Minute {
		t.Errorf("of the other's deadline in an hour %s are left", d)
	}
	there.expect("requested")
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := c.Request(ctx, "there", nil); err != nil {
		t.Fatal(err)
	}
	there.expect("in 1h0m0s")
	publish := publisher(t, c, "control.to-there")
	if err := publish.Publish(nil); err != nil {
		t.Fatal(err)
	}
	there.expect("published 0s ago")
	if st := s.stats(t); st.Latency.Samples == 0 || st.Latency.Max > time.Minute {
		t.Errorf("latency is %+v", st.Latency)
	}
}

// otherClockRole is the client in the other time namespace.
func otherClockRole() error {
	printLine("%d", frame.Now())
	ctx := untilStdinEnds()
	c, err := ipc.Dial(ctx, os.Args[1])
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Subscribe(ctx, router.Subscription{Patterns: []string{"control.#"}, Handler: func(m *router.Message) {
		printLine("published %s ago", time.Duration(frame.Now()-m.Published()).Round(time.Hour))
	}}); err != nil {
		return err
	}
	if _, err := c.Respond(ctx, "there", func(ctx context.Context, _ *router.Request) ([]byte, error) {
		d, _ := ctx.Deadline()
		printLine("in %s", time.Until(d).Round(time.Hour))
		return nil, nil
	}); err != nil {
		return err
	}
	if err := c.Publish(ctx, router.Outgoing{Topic: "events.from-there"}); err != nil {
		return err
	}
	hour, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if _, err := c.Request(hour, "here", nil); err != nil {
		return err
	}
	printLine("requested")
	<-ctx.Done()
	return nil
}

// spawnInTimeNamespace is spawn in a time namespace whose monotonic clock is ahead. It
// skips the test where the kernel does not permit that.
func spawnInTimeNamespace(t *testing.T, ahead time.Duration, role string, args ...string) *child {
	t.Helper()
	// The namespace is that of the thread's children, so the thread must not be used for
	// anything else afterwards: it ends with the test's goroutine.
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWTIME)
	if err == nil {
		err = os.WriteFile(fmt.Sprintf("/proc/%d/timens_offsets", unix.Gettid()), fmt.Appendf(nil, "monotonic %d 0\n", int(ahead.Seconds())), 0)
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EINVAL) {
		t.Skipf("no time namespace of its own: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return spawn(t, role, args...)
}
