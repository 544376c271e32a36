package frame_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
)

// A publisher makes a template once and appends every message with it, as many
// as go into one write.
func ExampleTemplate() {
	template, err := frame.NewTemplate(&frame.Fields{
		Type: frame.TypePublish, Priority: frame.NormalPriority, Content: frame.ContentText, Topic: "events.demo",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var batch []byte
	for id, text := range []string{"one", "two"} {
		batch = template.Append(batch, uint64(id), frame.Now(), nil, []byte(text))
	}
	fmt.Println(len(batch), "bytes")
	// Output: 108 bytes
}

// A receiver takes frames off its read buffer, in place, until what is left is
// not whole yet.
func ExampleNext() {
	buffer := frame.AppendControl(nil, frame.TypePing, 1, frame.Now(), 0)
	buffer = frame.AppendControl(buffer, frame.TypePing, 2, frame.Now(), 0)
	buffer = buffer[:len(buffer)-10] // the rest has not come yet

	for {
		f, err := frame.Next(buffer, frame.DefaultMaxSize)
		if errors.Is(err, frame.ErrIncomplete) {
			fmt.Println(len(buffer), "bytes wait for more")
			return
		}
		if err != nil && f == nil {
			fmt.Println("the stream is lost:", err)
			return
		}
		fmt.Println(f.Type(), f.ID())
		buffer = buffer[len(f):]
	}
	// Output:
	// ping 1
	// 30 bytes wait for more
}

// A fault of a peer is an error that names the place, and has a code with which it can
// be reported to the peer.
func ExampleDecodeError() {
	_, err := frame.Next([]byte("GET / HTTP/1.1\r\n"), frame.DefaultMaxSize)
	var bad *frame.DecodeError
	if errors.As(err, &bad) {
		fmt.Println(err)
		fmt.Println("code", uint16(frame.CodeOf(err)), frame.CodeOf(err))
	}
	// Output:
	// frame: decode version at byte 4: protocol version is not supported
	// code 1 version
}

// The extension describes the message, for filters that do not look into
// payloads.
func ExampleAppendExtension() {
	ext, err := frame.AppendExtension(nil, &frame.Meta{
		Correlation: frame.Correlation{ID: "login-17", Tags: map[string]string{"env": "prod"}},
		PID:         4711,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := frame.Extension(ext)
	env, _ := x.LookupKey(frame.TagTag, "env")
	pid, _ := x.PID()
	fmt.Println(string(env), pid)
	// Output: prod 4711
}

// Payloads are compressed only where that makes them smaller; the flag that
// Compress returns is 0 where it did not.
func ExampleCompress() {
	payload := bytes.Repeat([]byte("all work and no play "), 100)
	small, flags := frame.Compress(nil, payload, frame.FlagS2)
	if flags == 0 {
		small = payload
	}
	f, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Flags: flags, Topic: "events.demo", Payload: small})
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := frame.Inflate(nil, f, frame.DefaultMaxSize)
	fmt.Println(flags == frame.FlagS2, bytes.Equal(back, payload), err)
	// Output: true true <nil>
}
