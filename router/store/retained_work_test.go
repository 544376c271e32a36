package store

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// TestManyOwnersCostLittle counts how often a retained message looks at the clients that
// have values: with a thousand of them, a few times, on a topic that has a value as
// on a new one that another value gives way for.
func TestManyOwnersCostLittle(t *testing.T) {
	const clients, messages = 1024, 1000
	pool := buffer.NewPool()
	r := NewRetained(pool, Limits{Values: clients, Bytes: 64 << 20})
	looks := 0
	for _, h := range []*ownerHeap{&r.byBytes, &r.byCount} {
		size := h.size
		h.size = func(o *owner) int64 { looks++; return size(o) }
	}
	sequence := uint64(0)
	keep := func(source int, name string) {
		f, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Topic: name, Payload: []byte("1")})
		if err != nil {
			t.Fatal(err)
		}
		sequence++
		frame.Frame(f).Stamp(uint32(source), sequence)
		buf := pool.Get(len(f))
		buf.B = append(buf.B, f...)
		r.Keep(name, bus.Bulk, &queue.Item{Buf: buf, Len: uint32(len(f))})
		buf.Release(1)
	}
	for i := range clients {
		keep(1+i, fmt.Sprintf("owner.%d", i))
	}
	for what, name := range map[string]func(i int) string{
		"on one topic":   func(int) string { return "owner.0" },
		"on many topics": func(i int) string { return fmt.Sprintf("mine.%d", i) },
	} {
		before := looks
		for i := range messages {
			keep(1, name(i))
		}
		if n := (looks - before) / messages; n > 20 {
			t.Errorf("%s: a message looks %d times at owners", what, n)
		}
		if r.Len() != clients {
			t.Errorf("%s: %d values, want %d", what, r.Len(), clients)
		}
	}
	r.Release()
	if n := pool.Live(); n != 0 {
		t.Errorf("%d bytes of buffers were not released", n)
	}
}
