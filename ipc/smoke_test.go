package ipc

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/router"
)

func serve(t testing.TB) (string, *router.Broker) {
	b, err := router.New(router.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	path := filepath.Join(t.TempDir(), "d", "x.sock")
	ready := make(chan string, 1)
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, b, Options{Path: path, Ready: func(p string) { ready <- p }}) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, ErrServerClosed) {
			t.Error(err)
		}
		if n := b.Pool().Live(); n != 0 {
			t.Error("live", n)
		}
	})
	return path, b
}

func TestSmoke(t *testing.T) {
	path, _ := serve(t)
	ctx := t.Context()
	c, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	_, err = c.Subscribe(ctx, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) { got <- string(m.Payload) }})
	if err != nil {
		t.Fatal(err)
	}
	s2, err := c.Subscribe(ctx, router.Subscription{Patterns: []string{"events.#"}})
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
	for m := range s2.Messages(ctx) {
		fmt.Println(string(m.Payload), m.Sequence)
		break
	}
	_, err = c.Respond(ctx, "control.x", func(ctx context.Context, r *router.Request) ([]byte, error) {
		return append([]byte("re:"), r.Payload...), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := c.Request(ctx, "control.x", []byte("q"))
	if err != nil || string(rep.Payload) != "re:q" {
		t.Fatal(err, rep)
	}
	_, err = c.Request(ctx, "control.y", []byte("q"))
	t.Log(err)
	rep, err = c.Request(ctx, router.StatsTarget, nil)
	t.Log(string(rep.Payload), err)
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkSock(b *testing.B) {
	path, _ := serve(b)
	ctx := b.Context()
	c, err := Dial(ctx, path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	c2, err := Dial(ctx, path)
	if err != nil {
		b.Fatal(err)
	}
	defer c2.Close()
	var n atomic.Int64
	s, err := c2.Subscribe(ctx, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) { n.Add(1) }})
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
	b.Log(b.N, s.Stats())
}
