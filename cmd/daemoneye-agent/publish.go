package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

var publishCommand = command{
	name: "publish", args: "TOPIC [PAYLOAD]", short: "publish one message",
	long: `
Publish one message on a topic below events or alerts. The payload is the
argument, or else all of standard input. It is sent as JSON if it is JSON, else
as text or bytes. The command ends when the broker has routed the message. A
payload that begins with - stands behind --.`,
	run: runPublish,
}

var requestCommand = command{
	name: "request", args: "TARGET [PAYLOAD]", short: "ask a responder and print its answer",
	long: `
Send a request to a target and print the answer. The payload is the argument,
or else empty; - reads it from standard input. Targets are, among others,
control.agent.status, control.collector.process and system.stats.`,
	run: runRequest,
}

func runPublish(ctx context.Context, p *program, fs *flag.FlagSet, parse func() error) error {
	var t target
	t.flags(fs)
	priority := fs.Uint("priority", frame.NormalPriority, "`N` from 1 to 10")
	retain := fs.Bool("retain", false, "have the broker keep it as the topic's last value")
	if err := parse(); err != nil {
		return err
	}
	if n := fs.NArg(); n < 1 || n > 2 {
		return usagef("wants a topic and at most one payload")
	}
	if *priority < 1 || *priority > frame.MaxPriority {
		return usagef("-priority is %d, want 1 to %d", *priority, frame.MaxPriority)
	}
	if err := router.CheckPublishTopic(fs.Arg(0)); err != nil {
		return usageError{err}
	}
	refused := make(chan error, 1)
	client, err := t.dial(ctx, ipc.ClientOptions{Name: "publish", OnError: func(err error) {
		select {
		case refused <- err:
		default: // the first reason is enough
		}
	}})
	if err != nil {
		return err
	}
	defer client.Close()
	payload := []byte(fs.Arg(1))
	if fs.NArg() == 1 {
		if payload, err = p.readAll(ctx, client.Welcome().MaxMessageSize); err != nil {
			return err
		}
	}
	err = client.Publish(ctx, router.Outgoing{
		Topic: fs.Arg(0), Payload: payload, Content: contentOf(payload), Priority: uint8(*priority), Retain: *retain,
	})
	if err != nil {
		return err
	}
	// When the ping has come back, so has a refusal.
	waiting, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := client.Flush(waiting); err != nil {
		return late(ctx, waiting, err)
	}
	select {
	case err := <-refused:
		return err
	default:
		return nil
	}
}

func contentOf(payload []byte) frame.Content {
	switch {
	case json.Valid(payload):
		return frame.ContentJSON
	case utf8.Valid(payload):
		return frame.ContentText
	}
	return frame.ContentOpaque
}

func runRequest(ctx context.Context, p *program, fs *flag.FlagSet, parse func() error) error {
	var t target
	t.flags(fs)
	timeout := fs.Duration("timeout", 5*time.Second, "`TIME` to wait for the answer")
	if err := parse(); err != nil {
		return err
	}
	if n := fs.NArg(); n < 1 || n > 2 {
		return usagef("wants a target and at most one payload")
	}
	if err := frame.CheckTopic(fs.Arg(0)); err != nil {
		return usageError{err}
	}
	if *timeout <= 0 {
		return usagef("-timeout is %s, want more than 0", *timeout)
	}
	dialing, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	client, err := t.dial(dialing, ipc.ClientOptions{Name: "request"})
	if err != nil {
		return late(ctx, dialing, err)
	}
	defer client.Close()
	payload := []byte(fs.Arg(1))
	if fs.Arg(1) == "-" {
		if payload, err = p.readAll(ctx, client.Welcome().MaxMessageSize); err != nil {
			return err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	reply, err := client.Request(waiting, fs.Arg(0), payload)
	if err != nil {
		return late(ctx, waiting, err)
	}
	if _, err := p.out.Write(reply.Payload); err != nil {
		return err
	}
	if n := len(reply.Payload); n > 0 && reply.Payload[n-1] != '\n' {
		fmt.Fprintln(p.out)
	}
	return nil
}
