package client

import (
	"context"
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// BenchmarkReceive is the way of a message from the bytes that were read to the handler,
// without a socket: as many messages at a time as one read brings.
func BenchmarkReceive(b *testing.B) {
	for _, size := range []int{128, 1 << 10, 16 << 10} {
		for _, read := range []int{1, 16, 1 << 20} {
			head := frame.HeaderSize + len("events.a")
			most := max(1, (readBuffer-readRoom-100)/(head+size))
			if read = min(read, most); read == most && size > 128 {
				continue
			}
			b.Run(fmt.Sprintf("size=%d/read=%d", size, read), func(b *testing.B) { benchmarkReceive(b, size, read) })
		}
	}
}

func benchmarkReceive(b *testing.B, size, read int) {
	c := &Client{pool: buffer.NewPool(), subs: make(map[uint64]*subscription)}
	c.terms.Store(newTerms(frame.Welcome{MaxMessageSize: frame.DefaultMaxSize}))
	c.calls.MaxFrame = frame.DefaultMaxSize
	c.ctx, c.cancel = context.WithCancel(context.Background())
	defer c.cancel()
	n := 0
	s := c.newSubscription(bus.Subscription{Handler: func(m *bus.Message) { n += len(m.Payload) }})
	r := &receiver{c: c, run: make([]queue.Item, 0, queue.ClaimSize)}
	r.buf = c.pool.Get(readBuffer)
	r.buf.B = r.buf.B[:cap(r.buf.B)]
	st := frame.Stream{Subscription: s.id}
	c.subs[s.id] = s
	bytes := frame.AppendStream(frame.AppendControl(r.buf.B[:0], frame.TypeStream, s.id, 0, frame.StreamSize), st)
	r.end = len(bytes)
	if err := r.frames(); err != nil {
		b.Fatal(err)
	}
	start := r.end
	for range read {
		bytes, _ = frame.Append(bytes, &frame.Fields{Type: frame.TypePublish, Topic: "events.a", Payload: make([]byte, size)})
	}
	r.end = len(bytes)
	rounds := 0
	for b.Loop() {
		r.off = start
		if err := r.frames(); err != nil {
			b.Fatal(err)
		}
		rounds++
	}
	if n != rounds*read*size {
		b.Fatalf("%d bytes were handled, want %d", n, rounds*read*size)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*read), "ns/msg")
	b.ReportMetric(0, "ns/op")
}
