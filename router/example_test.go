package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/daemoneye/eventbus/router"
)

// start runs a broker for an example, until stop.
func start(o router.Options) (b *router.Broker, stop func()) {
	b, err := router.New(o)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return b, func() {
		cancel()
		if err := <-done; err != nil {
			log.Fatal(err)
		}
	}
}

// A broker inside a program: make it, run it on a goroutine, and take clients.
func Example() {
	broker, err := router.New(router.Options{}) // zero options are the documented defaults
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- broker.Run(ctx) }()

	bus := broker.Client("example")
	sub, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"events.process.#"}})
	if err != nil {
		log.Fatal(err)
	}
	pub, err := bus.Publisher("events.process.start") // checked and encoded once
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"sleep", "cat", "true"} {
		if err := pub.Publish([]byte(name)); err != nil {
			log.Fatal(err)
		}
	}
	left := 3
	for m := range sub.Messages(ctx) { // m is valid for one turn; m.Clone() keeps it
		fmt.Printf("%d %s %s\n", m.Sequence, m.Topic(), m.Payload)
		if left--; left == 0 {
			break
		}
	}

	if err := bus.Close(); err != nil {
		log.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
	// Output:
	// 0 events.process.start sleep
	// 1 events.process.start cat
	// 2 events.process.start true
}

// A handler is the shortest way to a message: it is called by the goroutine that
// takes from the queue. Drain lets it finish.
func ExampleSubscription_handler() {
	broker, stop := start(router.Options{})
	defer stop()
	ctx := context.Background()
	bus := broker.Client("example")
	_, err := bus.Subscribe(ctx, router.Subscription{
		Patterns: []string{"alerts.*"},
		Handler:  func(m *router.Message) { fmt.Printf("%s: %s\n", m.Topic(), m.Payload) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, severity := range []string{"low", "high"} {
		err := bus.Publish(ctx, router.Outgoing{Topic: "alerts." + severity, Payload: []byte("disk")})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := bus.Drain(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// alerts.low: disk
	// alerts.high: disk
}

// A subscriber that does not keep up loses messages, and learns which. Nobody
// waits for it.
func ExampleGap() {
	broker, stop := start(router.Options{})
	defer stop()
	ctx := context.Background()
	bus := broker.Client("example")
	defer bus.Close()
	sub, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"events.#"}, Queue: 3})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 10 {
		if err := bus.Publish(ctx, router.Outgoing{Topic: "events.x", Payload: fmt.Append(nil, i)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := bus.Flush(ctx); err != nil { // all are routed now
		log.Fatal(err)
	}
	for m := range sub.Messages(ctx) {
		if m.Gap != nil {
			fmt.Println(m.Gap)
			continue
		}
		fmt.Printf("%d: %s\n", m.Sequence, m.Payload)
		if m.Sequence == 9 {
			break
		}
	}
	// Output:
	// gap: 7 events lost (queue full, oldest dropped), sequence 0..6
	// 7: 7
	// 8: 8
	// 9: 9
}

// Requests are answered by whoever responds to their target. That nobody does
// is known at once.
func ExampleBus_request() {
	broker, stop := start(router.Options{})
	defer stop()
	ctx := context.Background()
	server, client := broker.Client("server"), broker.Client("client")
	defer server.Close()
	defer client.Close()
	serving, err := server.Respond(ctx, "control.clock", func(ctx context.Context, r *router.Request) ([]byte, error) {
		if string(r.Payload) != "now" {
			return nil, &router.Fault{Code: 1024, Text: "ask for now"}
		}
		return []byte("noon"), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	reply, err := client.Request(ctx, "control.clock", []byte("now"))
	fmt.Printf("%s %v\n", reply.Payload, err)
	_, err = client.Request(ctx, "control.clock", []byte("then"))
	var failed *router.Fault
	fmt.Println(errors.As(err, &failed), failed.Code, failed.Text)
	serving.Close()
	_, err = client.Request(ctx, "control.clock", []byte("now"))
	fmt.Println(errors.Is(err, router.ErrNoResponder))
	// Output:
	// noon <nil>
	// true code 1024 ask for now
	// true
}

// Messages are filtered by the broker, before they take room in the queue. The
// last value of a topic waits for whoever comes later.
func ExampleSubscription_retained() {
	broker, stop := start(router.Options{})
	defer stop()
	ctx := context.Background()
	bus := broker.Client("sensor")
	defer bus.Close()
	for _, m := range []router.Outgoing{
		{Topic: "state.fan", Payload: []byte("off"), Retain: true},
		{Topic: "state.fan", Payload: []byte("on"), Retain: true},
		{Topic: "state.door", Payload: []byte("open"), Retain: true, Priority: 9},
	} {
		if err := bus.Publish(ctx, m); err != nil {
			log.Fatal(err)
		}
	}
	for _, least := range []uint8{0, 8} {
		sub, err := bus.Subscribe(ctx, router.Subscription{
			Patterns: []string{"state.#"}, Retained: true,
			EventFilter: &router.EventFilter{MinPriority: least},
		})
		if err != nil {
			log.Fatal(err)
		}
		for m := range sub.Messages(ctx) {
			fmt.Printf("priority %d and above: %s is %s\n", least, m.Topic(), m.Payload)
			if string(m.Topic()) == "state.door" {
				break
			}
		}
		sub.Close()
	}
	// Output:
	// priority 0 and above: state.fan is on
	// priority 0 and above: state.door is open
	// priority 8 and above: state.door is open
}

// All figures can be read: by the program with Stats, by every client with a request.
func ExampleBroker_Stats() {
	broker, stop := start(router.Options{})
	defer stop()
	ctx := context.Background()
	bus := broker.Client("example")
	defer bus.Close()
	_, err := bus.Subscribe(ctx, router.Subscription{SubscriberID: "slow", Patterns: []string{"events.#"}, Queue: 2})
	if err != nil {
		log.Fatal(err)
	}
	for range 5 {
		if err := bus.Publish(ctx, router.Outgoing{Topic: "events.x"}); err != nil {
			log.Fatal(err)
		}
	}
	reply, err := bus.Request(ctx, router.StatsTarget, nil)
	if err != nil {
		log.Fatal(err)
	}
	var stats router.Stats
	if err := json.Unmarshal(reply.Payload, &stats); err != nil {
		log.Fatal(err)
	}
	for _, s := range stats.Subscriptions {
		fmt.Printf("%s: %d matched = %d delivered + %d dropped + %d queued\n", s.Name, s.Matched, s.Delivered, s.Dropped, s.Queued)
	}
	// Output:
	// slow: 5 matched = 0 delivered + 3 dropped + 2 queued
}

// A publisher that must lose nothing: it waits for its slowest subscriber, whose queue
// holds only four messages here.
func ExampleWindowPublisher() {
	broker, stop := start(router.Options{})
	defer stop()
	bus := broker.Client("example")
	ctx := context.Background()
	sub, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"events.file"}, Queue: 4})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan int)
	go func() {
		n := 0
		for m := range sub.Messages(ctx) {
			if m.Gap != nil {
				log.Fatal(m.Gap)
			}
			n++
		}
		ended <- n
	}()

	pub, err := bus.WindowPublisher(ctx, router.Outgoing{Topic: "events.file"}, router.Window{})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 1000 {
		err := pub.Publish(ctx, fmt.Append(nil, i))
		var loss *router.LossError
		switch {
		case errors.As(err, &loss): // a subscriber that left, say; message i was not published
			fmt.Println(loss)
		case err != nil:
			log.Fatal(err)
		}
	}
	if err := pub.Flush(ctx); err != nil { // until the last has been taken
		log.Fatal(err)
	}
	if err := errors.Join(pub.Close(), bus.Drain(ctx)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-ended, "messages arrived")
	// Output: 1000 messages arrived
}
