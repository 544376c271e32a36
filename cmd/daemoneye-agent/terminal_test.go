package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// hostile is text that does something to a terminal, and is not UTF-8 throughout.
const hostile = "\x1b[31m\u009b2J\u202e\r\a\x00\xff\x7f\u2028x"

// dialAs connects to a pretended agent, until the test ends.
func dialAs(t *testing.T, socket, name string) *ipc.Client {
	t.Helper()
	c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: socket, Name: name, Role: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestTailPrintsOneObjectALine whatever was published: in UTF-8, and without what a
// terminal would obey.
func TestTailPrintsOneObjectALine(t *testing.T) {
	socket := pretend(t, func(context.Context, *router.Request) ([]byte, error) { return nil, nil })
	body := event.Detail{}
	origin := event.Origin{Host: hostile, Collector: "process"}
	actor := event.Actor{Name: "x\xff\n" + hostile, CommandLine: "a\xff\x00" + hostile + "\x00"}
	whole := event.Append(nil, &event.Header{Operation: event.OpExit, PID: 7, StartTicks: 3}, origin.Encode(), actor.Encode(), &body)
	payloads := []string{
		`{"a":1}`, "{\"a\":\"\xff\xfe\"}", "42", `"text"`, "null", "[1,2]", " {\n\t\"a\" :\r\n1 } ", `{"a":"\ud800"}`, `{"a":"\u0000\u001b[31m"}`,
		`{"a":"` + "\u009b\u202e\x7f" + `"}`, `{"` + "\xc3" + `":1}`, `{"a":1e999999999}`, `{"a":1,"a":2}`,
		"{\"a\":\"\x00\"}", "{\"a\":\"\n\"}", `{"a":1}{"b":2}`, "{\"a\":1}\n{\"b\":2}", `{"a":`, "", "\n", "\x00", hostile, "\xed\xa0\x80", "\ufeff{}",
		strings.Repeat(`{"a":`, 120) + "1" + strings.Repeat("}", 120), strings.Repeat("[", 200) + strings.Repeat("]", 200),
		strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000), `{"a":"` + strings.Repeat("x", 900_000) + `"}`, strings.Repeat("\xff", 100_000),
		"\x82\xa1a\x01\xa1b\xff", string(whole), string(whole[:len(whole)-1]), string(whole[:20]),
	}
	publisher := dialAs(t, socket, "publisher")
	n := 0
	for _, content := range []frame.Content{frame.ContentOpaque, frame.ContentText, frame.ContentJSON, frame.ContentMsgpack, frame.ContentEvent, 77} {
		for _, p := range payloads {
			if err := publisher.Publish(t.Context(), router.Outgoing{Topic: "events.odd", Payload: []byte(p), Content: content}); err != nil {
				if content == 77 {
					continue // it cannot be published
				}
				t.Fatal(err)
			}
			n++
		}
	}
	if err := publisher.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--topics"}, {"--fields", "a,topic,process.name"}, {"--topics", "--fields", "text"}, {"--json", "--where", "topic!=x"}} {
		args := append([]string{"tail", "--socket", socket, "--replay", "--count", fmt.Sprint(n), "--timeout", "20s", "events.odd"}, flags...)
		status, out, errs := run(t, args...)
		if status != cli.ExitOK || strings.Contains(errs, "gap") {
			t.Fatalf("%v: exit status %d, %s", flags, status, errs)
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) != n {
			t.Errorf("%v: %d lines for %d messages", flags, len(lines), n)
		}
		for _, line := range lines {
			var v map[string]any
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber() // not all numbers of JSON are a float64
			err := d.Decode(&v)
			if d.More() {
				err = errors.New("more than one value")
			}
			if err != nil || v == nil || !utf8.ValidString(line) || line != display.Clean(line) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%v: %v: %.200q", flags, err, line)
			}
		}
	}
}

// TestWhatPeersSayDoesNothingToATerminal: names, answers, errors.
func TestWhatPeersSayDoesNothingToATerminal(t *testing.T) {
	socket := pretend(t, func(context.Context, *router.Request) ([]byte, error) {
		return json.Marshal(control.Status{
			Version: hostile, Instance: hostile, Socket: hostile, HostID: hostile, RestartFor: []string{hostile},
			Labels: map[string]string{hostile: hostile}, Health: control.Health{State: control.Degraded, Reason: hostile},
			Collectors: []control.CollectorStatus{{Name: hostile, State: hostile, Source: hostile, LastExit: hostile, Gap: hostile}},
			Broker: router.Stats{
				Clients:       []router.ClientStats{{Source: 3, Identity: router.Identity{Name: hostile, Role: hostile, PID: 1}}},
				Subscriptions: []router.SubStats{{Name: hostile, Patterns: []string{hostile}}},
				DroppedBy:     map[string]uint64{hostile: 1}, Refused: map[string]uint64{hostile: 1}, LastError: hostile,
			},
		})
	})
	peer := dialAs(t, socket, "peer")
	respond := func(target string, h router.Responder) {
		t.Helper()
		if _, err := peer.Respond(t.Context(), target, h); err != nil {
			t.Fatal(err)
		}
	}
	respond("events.answer", func(context.Context, *router.Request) ([]byte, error) { return []byte("a\tb\n" + hostile), nil })
	respond("events.error", func(context.Context, *router.Request) ([]byte, error) { return nil, errors.New(hostile + "\nforged") })
	respond(control.ReloadTarget, func(context.Context, *router.Request) ([]byte, error) {
		return json.Marshal(control.Reloaded{Warnings: []string{hostile}, Restarted: []string{hostile}, Refused: []string{hostile}, Mistakes: []string{hostile}})
	})
	if err := peer.Publish(t.Context(), router.Outgoing{Topic: "events.demo", Payload: []byte(hostile)}); err != nil {
		t.Fatal(err)
	}
	if err := peer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"status"}, {"status", "--json"}, {"reload"}, {"reload", "--json"}, {"request", "events.answer"}, {"request", "events.error"}, {"request", control.StatusTarget},
		{"topics", "--duration", "1ms"}, {"topics", "--duration", "1ms", "--json"},
		{"tail", "--replay", "--count", "1", "events.demo"}, {"tail", "--replay", "--count", "1", "--topics", "events.demo"},
		{"tail", "--replay", "--count", "1", "--fields", "text,topic", "events.demo"}, {"tail", "--replay", "--count", "1", "--json", "events.demo"},
		{"publish", "events." + hostile, "x"}, {"tail", hostile}, {hostile}, {"status", "--" + hostile}, {"tail", "x", "--count", hostile}, {"run", "--socket", hostile},
		{"tail", "x", "--where", hostile}, {"request", "events.answer", "--socket", hostile}, {"status", "--instance", hostile},
	} {
		if args[0] != hostile && args[len(args)-1] != hostile && args[0] != "run" {
			args = append(args, "--socket", socket)
		}
		out, errs := runOnTerminal(t, args...)
		if out == "" && errs == "" {
			t.Errorf("%q says nothing", args)
		}
		for _, text := range []string{out, errs} {
			// The terminal itself puts a carriage return before the end of a line. Colours
			// are ours.
			text = strings.NewReplacer("\r\n", "\n", "\x1b[0m", "", "\x1b[2m", "").Replace(text)
			if text != display.CleanLines(text) {
				t.Errorf("%q prints %q", args, text)
			}
		}
	}
}

// runOnTerminal is run with a terminal as standard output.
func runOnTerminal(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals: %v", err)
	}
	defer master.Close()
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	err = errors.Join(raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}), err)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() { // ends when the terminal is closed
		b, _ := io.ReadAll(master) // its end is an error
		read <- string(b)
	}()
	var e bytes.Buffer
	realMain(t.Context(), &cli.Program{In: strings.NewReader(""), Out: cli.NewOutput(terminal), Err: &e}, args)
	terminal.Close()
	return <-read, e.String()
}
