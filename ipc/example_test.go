package ipc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// A broker on a socket, and a client that subscribes, publishes and asks.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bus", "demo.sock") // the directory is made, for its owner only

	broker, err := router.New(router.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ready, served := make(chan string, 1), make(chan error, 1)
	go func() {
		served <- ipc.Serve(ctx, broker, ipc.Options{Path: path, Ready: func(path string) { ready <- path }})
	}()

	bus, err := ipc.Dial(ctx, <-ready)
	if err != nil {
		fmt.Println(err)
		return
	}
	sub, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"events.#"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	pub, err := bus.Publisher("events.demo")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := pub.Publish([]byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	for m := range sub.Messages(ctx) {
		fmt.Printf("%s: %s\n", m.Topic(), m.Payload)
		break
	}
	_, err = bus.Request(ctx, "control.demo", nil)
	fmt.Println("nobody serves it:", errors.Is(err, router.ErrNoResponder))

	if err := bus.Close(); err != nil {
		fmt.Println(err)
	}
	stop()
	fmt.Println("stopped:", errors.Is(<-served, ipc.ErrServerClosed))
	// Output:
	// events.demo: hello
	// nobody serves it: true
	// stopped: true
}
