package ipc_test

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// pair is a publisher and a subscriber that do nothing wrong. It goes on while other
// clients misbehave, and must lose nothing by that.
type pair struct {
	t       testing.TB
	got     atomic.Uint64
	faults  atomic.Uint64 // gaps and wrong numbers
	stop    chan struct{}
	sent    uint64 // by run; read when it has ended
	running sync.WaitGroup
	burst   sync.Mutex // held by run while it publishes, by pause for as long as that lasts
	pub     *ipc.Client
	sub     *ipc.Client
}

// pairTopic is the pair's own.
const pairTopic = "healthy.pair"

// newPair starts one. It sends a burst every millisecond, no more than a queue
// takes, and waits where its subscriber is behind.
func (s *server) newPair(t testing.TB) *pair {
	t.Helper()
	p := &pair{t: t, stop: make(chan struct{}), pub: s.dial(t, ipc.ClientOptions{Name: "healthy-publisher"})}
	p.sub = s.dial(t, ipc.ClientOptions{Name: "healthy-subscriber"})
	subscribe(t, p.sub, router.Subscription{Patterns: []string{pairTopic}, Handler: func(m *router.Message) {
		if m.Gap != nil || binary.LittleEndian.Uint64(m.Payload) != p.got.Load() {
			p.faults.Add(1)
			return
		}
		p.got.Add(1)
	}})
	s.pairs = append(s.pairs, p)
	out := publisher(t, p.pub, pairTopic)
	p.running.Go(func() { p.run(out) })
	t.Cleanup(func() { p.end() })
	return p
}

func (p *pair) run(out router.Publisher) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	payload := make([]byte, 100)
	for p.send(out, payload) {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

// send publishes a burst. It returns false when that failed.
func (p *pair) send(out router.Publisher, payload []byte) bool {
	p.burst.Lock()
	defer p.burst.Unlock()
	for n := 0; n < 50 && p.sent-p.got.Load() < 500; n++ {
		binary.LittleEndian.PutUint64(payload, p.sent)
		if err := out.Publish(payload); err != nil {
			p.t.Error(err)
			return false
		}
		p.sent++
	}
	return true
}

// pause keeps the pair from publishing until goOn is called. When it returns, all that
// the pair published has been delivered, and the broker counts it so.
func (p *pair) pause() (goOn func()) {
	p.t.Helper()
	p.burst.Lock()
	flush(p.t, p.pub)
	eventually(p.t, "the healthy pair gets all", func() bool { return p.got.Load() == p.sent || p.faults.Load() > 0 })
	flush(p.t, p.sub)
	return p.burst.Unlock
}

func (p *pair) end() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.running.Wait()
}

// check has the pair go on for a while after the fault, and end without loss.
func (p *pair) check() {
	p.t.Helper()
	goal := p.got.Load() + 500
	eventually(p.t, "the healthy pair goes on", func() bool { return p.got.Load() >= goal || p.faults.Load() > 0 })
	p.end()
	flush(p.t, p.pub)
	eventually(p.t, "the healthy pair gets all", func() bool { return p.got.Load() == p.sent || p.faults.Load() > 0 })
	if n := p.faults.Load(); n > 0 {
		p.t.Errorf("the healthy pair saw %d gaps or wrong messages after %d good ones", n, p.got.Load())
	}
}
