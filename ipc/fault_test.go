package ipc_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// noise returns bytes that are the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(b)
	b[4] = 0xff // no version: some noise is the beginning of a frame
	return b
}

// TestFatalFaults sends bytes that make a stream useless. The client gets the reason and
// is disconnected; the fault is counted, and no other client notices.
func TestFatalFaults(t *testing.T) {
	good := message(1, "events.a", "payload")
	sayHello := hello(frame.Hello{Name: "x", Version: 1})
	for _, tc := range []struct {
		name    string
		greeted bool // after the handshake
		send    []byte
		code    frame.Code
		id      uint64 // of the frame that the answer names; 0 where that is not known
	}{
		{"random bytes instead of hello", false, noise(4096), frame.CodeVersion, 0},
		{"random bytes after the handshake", true, noise(4096), frame.CodeVersion, 0},
		{"random bytes behind a good frame", true, append(append([]byte(nil), good...), noise(100000)...), frame.CodeVersion, 0},
		{"another protocol", false, []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), frame.CodeVersion, 0},
		{"wrong version in hello", false, altered(sayHello, 4, 2), frame.CodeVersion, 0},
		{"wrong version in a message", true, altered(good, 4, 2), frame.CodeVersion, 0},
		{"hello of a version that there was never", false, hello(frame.Hello{Version: -1}), frame.CodeVersion, 0},
		{"hello with a long name", false, encode(frame.Fields{Type: frame.TypeHello, Payload: fmt.Appendf(nil, `{"version":1,"name":"%0257d"}`, 0)}), frame.CodeBody, 0},
		{"hello with a long role", false, encode(frame.Fields{Type: frame.TypeHello, Payload: fmt.Appendf(nil, `{"version":1,"role":"%0257d"}`, 0)}), frame.CodeBody, 0},
		{"first frame of more than a hello", false, altered(sayHello, 0, 41, 64, 0, 0), frame.CodeTooLarge, 0},
		{"hello that is no JSON", false, encode(frame.Fields{Type: frame.TypeHello, Payload: []byte("hello!")}), frame.CodeBody, 0},
		{"something else than hello first", false, good, frame.CodeHandshake, endpoint.PublishID | 1},
		{"an unknown type first", false, altered(good, 5, 99), frame.CodeHandshake, endpoint.PublishID | 1},
		{"length shorter than a header", true, altered(good, 0, 39, 0, 0, 0), frame.CodeLength, 0},
		{"topic longer than the frame", true, altered(good, 8, 255), frame.CodeLength, 0},
		{"extension longer than the frame", true, altered(good, 10, 255, 255), frame.CodeLength, 0},
		{"frame of one byte more than the limit", true, altered(good, 0, 1, 0, 16, 0), frame.CodeTooLarge, 0},
		{"frame of four gigabytes", true, altered(good, 0, 255, 255, 255, 255), frame.CodeTooLarge, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{})
			others := s.newPair(t)
			var p *peer
			if tc.greeted {
				p = s.greet(t)
			} else {
				p = s.knock(t)
			}
			p.send(tc.send)
			p.expectError(tc.id, tc.code, true)
			p.expectEnd(tc.code)
			s.refused(t, tc.code, 1)
			others.check()
			s.settled(t)
		})
	}
}

// TestFrameFaults sends frames that are refused one by one: the answer names the
// frame, and the connection goes on.
func TestFrameFaults(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{Urgent: []string{"control.#"}}, ipc.Options{})
	others := s.newPair(t)
	p := s.greet(t)
	spec := func(id uint64, body string) []byte {
		return encode(frame.Fields{Type: frame.TypeSubscribe, ID: id, Content: frame.ContentJSON, Payload: []byte(body)})
	}
	extended := func(id uint64, ext ...byte) []byte {
		return encode(frame.Fields{Type: frame.TypePublish, ID: id, Topic: "events.a", Extension: ext})
	}
	p.subscribe(77, router.Subscription{Patterns: []string{"events.none"}})
	counted := map[frame.Code]uint64{}
	for id, tc := range []struct {
		name string
		send func(id uint64) []byte
		code frame.Code
	}{
		{"unknown type", func(id uint64) []byte { return altered(message(id, "events.a", ""), 5, 255) }, frame.CodeType},
		{"unknown flag", func(id uint64) []byte { return altered(message(id, "events.a", ""), 6, 16) }, frame.CodeFlags},
		{"priority above ten", func(id uint64) []byte { return altered(message(id, "events.a", ""), 7, 11) }, frame.CodePriority},
		{"no topic", func(id uint64) []byte { return encode(frame.Fields{Type: frame.TypePublish, ID: id}) }, frame.CodeTopic},
		{"topic in capitals", func(id uint64) []byte { return altered(message(id, "events.a", ""), 40, 'E') }, frame.CodeTopic},
		{"wildcard as topic", func(id uint64) []byte { return altered(message(id, "events.a", ""), 47, '#') }, frame.CodeTopic},
		{"empty segment", func(id uint64) []byte { return altered(message(id, "events.a", ""), 45, '.', '.') }, frame.CodeTopic},
		{"reserved topic", func(id uint64) []byte { return message(id, "system.stats", "") }, frame.CodeReserved},
		{"reserved root", func(id uint64) []byte { return message(id, "system", "") }, frame.CodeReserved},
		{"extension that is cut", func(id uint64) []byte { return extended(id, frame.TagPID, 4, 0, 1) }, frame.CodeExtension},
		{"request without a topic", func(id uint64) []byte { return encode(frame.Fields{Type: frame.TypeRequest, ID: id}) }, frame.CodeTopic},
		{"second hello", func(id uint64) []byte { return altered(hello(frame.Hello{Version: 1}), 16, byte(id)) }, frame.CodeUnexpected},
		{"welcome from a client", func(id uint64) []byte { return encode(frame.Fields{Type: frame.TypeWelcome, ID: id}) }, frame.CodeUnexpected},
		{"gap from a client", func(id uint64) []byte { return encode(frame.Fields{Type: frame.TypeGap, ID: id}) }, frame.CodeUnexpected},
		{"subscription that is no JSON", func(id uint64) []byte { return spec(id, "events.#") }, frame.CodeSubscription},
		{"subscription with an unknown key", func(id uint64) []byte { return spec(id, `{"topic_patterns":["a"],"filter":1}`) }, frame.CodeSubscription},
		{"subscription without patterns", func(id uint64) []byte { return spec(id, `{}`) }, frame.CodeSubscription},
		{"subscription with a bad pattern", func(id uint64) []byte { return spec(id, `{"topic_patterns":["#.a"]}`) }, frame.CodePattern},
		{"subscription that is there already", func(uint64) []byte { return spec(77, `{"topic_patterns":["a"]}`) }, frame.CodeSubscription},
		{"responder below system", func(id uint64) []byte { return spec(id, `{"topic_patterns":["system.stats"],"respond":true}`) }, frame.CodeReserved},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.t = t
			b := tc.send(uint64(id) + 1)
			p.send(b)
			p.expectError(frame.Frame(b).ID(), tc.code, false)
			counted[tc.code]++
			s.refused(t, tc.code, counted[tc.code])
		})
	}
	p.t = t
	p.subscribe(1000, router.Subscription{Patterns: []string{"events.a"}})
	p.send(message(1, "events.a", "still here"))
	p.expect(frame.TypeStream)
	if f := p.expect(frame.TypePublish); string(f.Payload()) != "still here" {
		t.Errorf("got %q", f.Payload())
	}
	st := s.stats(t)
	if len(st.Refused) != len(counted) {
		t.Errorf("counted %v, want the codes of %v only", st.Refused, counted)
	}
	others.check()
	s.settled(t)
}

// TestManyFaultsAtOnce sends bad frames until the server reads no more, because the
// client does not take the answers. Then the client takes all of them, and goes on.
func TestManyFaultsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	p := s.greet(t)
	bad := func(id uint64) []byte { return altered(message(id, "events.a", ""), 5, 99) }
	size := len(bad(0))
	written := 0
	var rest []byte
	for stuck := false; !stuck; {
		for id := (written + len(rest)) / size; len(rest) < 4000*size; id++ {
			rest = append(rest, bad(uint64(id))...)
		}
		if err := p.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := p.conn.Write(rest)
		written += n
		rest = rest[n:]
		if err != nil { // it reads no more, unless it is only late
			stuck = s.stats(t).Refused[frame.CodeType.String()] < uint64(written/size)
		}
		if written > 64<<20 {
			t.Fatal("the server reads on and on")
		}
	}
	if err := p.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	whole := uint64(written / size)
	for id := range whole {
		p.expectError(endpoint.PublishID|id, frame.CodeType, false)
	}
	p.send(bad(whole)[written%size:])
	p.expectError(endpoint.PublishID|whole, frame.CodeType, false)
	p.flush(1)
	s.refused(t, frame.CodeType, whole+1)
	s.settled(t)
}

// TestAnswersUnread has a client that never takes the answers: after a while it is not
// read any more, and then disconnected.
func TestAnswersUnread(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{ConnectionTimeout: expiry})
	others := s.newPair(t)
	p := s.greet(t)
	var b []byte
	for id := range uint64(1000) {
		b = append(b, altered(message(id, "events.a", ""), 5, 99)...)
	}
	for range 100 { // four megabytes, more than both sockets and the server hold
		p.send(b)
	}
	s.refused(t, frame.CodeSlow, 1)
	others.check()
	s.settled(t)
}

// TestTruncatedFrame ends a connection inside a frame.
func TestTruncatedFrame(t *testing.T) {
	for _, tc := range []struct {
		name   string
		length int // of the frame
		cut    int // how many bytes of it are sent
	}{
		{"inside the header", 1000, 17},
		{"inside a small frame", 1000, 999},
		{"inside a large frame", 900 << 10, 500 << 10},
		{"just before the end of a large frame", 900 << 10, 900<<10 - 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{})
			others := s.newPair(t)
			p := s.greet(t)
			p.send(message(1, "events.a", "whole"), message(2, "events.a", string(make([]byte, tc.length-48)))[:tc.cut])
			p.conn.Close()
			s.refused(t, frame.CodeLength, 1)
			others.check()
			if st := s.settled(t); len(st.Clients) != 2 {
				t.Errorf("%d clients, want the two of the pair", len(st.Clients))
			}
		})
	}
}

// TestByteByByte is slow, but right.
func TestByteByByte(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	p := s.knock(t)
	body, err := json.Marshal(router.Subscription{Patterns: []string{"events.#"}})
	if err != nil {
		t.Fatal(err)
	}
	subscribe := encode(frame.Fields{Type: frame.TypeSubscribe, ID: 3, Payload: body})
	for _, f := range [][]byte{hello(frame.Hello{Version: 1}), subscribe, message(1, "events.slow", "x")} {
		for i := range f {
			p.send(f[i : i+1])
		}
	}
	p.expect(frame.TypeWelcome)
	p.expect(frame.TypeAck)
	p.expect(frame.TypeStream)
	p.expect(frame.TypePublish)
	s.settled(t)
}

// TestHalfHandshake leaves the server waiting for the rest of hello.
func TestHalfHandshake(t *testing.T) {
	for name, send := range map[string][]byte{
		"nothing":       nil,
		"three bytes":   hello(frame.Hello{Version: 1})[:3],
		"half of hello": hello(frame.Hello{Version: 1})[:50],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{ConnectionTimeout: expiry})
			others := s.newPair(t)
			p := s.knock(t)
			p.send(send)
			p.expectEnd(frame.CodeHandshake)
			s.refused(t, frame.CodeHandshake, 1)
			others.check()
			s.settled(t)
		})
	}
}
