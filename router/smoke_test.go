package router

import (
	"context"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	c := b.Client("x")
	got := make(chan string, 10)
	_, err = c.Subscribe(ctx, Subscription{Patterns: []string{"events.#"}, Handler: func(m *Message) { got <- string(m.Payload) }})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Publisher("events.demo")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	if g := <-got; g != "hi" {
		t.Fatal(g)
	}
	_, err = c.Respond(ctx, "control.x", func(ctx context.Context, r *Request) ([]byte, error) { return append([]byte("re:"), r.Payload...), nil })
	if err != nil {
		t.Fatal(err)
	}
	rep, err := c.Request(ctx, "control.x", []byte("q"))
	if err != nil || string(rep.Payload) != "re:q" {
		t.Fatal(err, rep)
	}
	_, err = c.Request(ctx, "control.y", []byte("q"))
	t.Log(err)
	rep, err = c.Request(ctx, StatsTarget, nil)
	t.Log(string(rep.Payload), err)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	t.Log(b.pool.Live())
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Log(b.pool.Live())
}

func BenchmarkLocal(b *testing.B) {
	br, _ := New(Options{})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go br.Run(ctx)
	c := br.Client("x")
	n := 0
	s, err := c.Subscribe(ctx, Subscription{Patterns: []string{"events.#"}, Handler: func(m *Message) { n++ }})
	if err != nil {
		b.Fatal(err)
	}
	p, _ := c.Publisher("events.demo")
	buf := make([]byte, 128)
	b.ReportAllocs()
	t0 := time.Now()
	for b.Loop() {
		p.Publish(buf)
	}
	c.Flush(ctx)
	b.ReportMetric(float64(b.N)/time.Since(t0).Seconds(), "msg/s")
	b.Log(s.Stats())
}
