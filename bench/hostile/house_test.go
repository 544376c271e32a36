package hostile

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// TestSlowHandshakes has connections without a hello, or with half of one: clients get in
// all the same.
func TestSlowHandshakes(t *testing.T) {
	connections := size(200, 2000)
	v := startAgent(t, setting{})
	m := measure(v)
	var oldest *client
	for i := range connections {
		c := connect(t, v.set.Socket)
		if i%2 == 1 {
			c.send(encode(t, frame.Fields{Type: frame.TypeHello, Payload: make([]byte, 1000)})[:500])
		}
		if oldest == nil {
			oldest = c
		}
		if i%50 == 49 && i < 2000 {
			v.dial(0).conn.Close()
		}
	}
	if code := oldest.ended(); code != frame.CodeHandshake {
		t.Errorf("the oldest ended with %s", code)
	}
	m.check()
	if s := v.check(); s.Refused["handshake"] < uint64(connections-64) {
		t.Errorf("refused were %v of %d connections", s.Refused, connections)
	}
}

// TestAHouseFullOfIdleClients has clients take all connections and do nothing. No other
// gets in, but operators do, who may ask and nothing else.
func TestAHouseFullOfIdleClients(t *testing.T) {
	v := startAgent(t, setting{})
	m := measure(v)
	first := v.dial(0)
	taken := 1 // the first; the probe of the long form has one too
	for refused := false; !refused; {
		c := connect(t, v.set.Socket)
		c.hello(0)
		switch f := c.next(); f.Type() {
		case frame.TypeWelcome:
			taken++
		case frame.TypeError:
			if code := c.ended(); code != frame.CodeLimit {
				t.Fatalf("the client that is one too many gets %s", code)
			}
			refused = true
		default:
			t.Fatalf("%s instead of welcome", f.Type())
		}
	}
	if most := first.w.MaxConnections; taken > most || taken < most-1 {
		t.Errorf("%d clients got in, want %d", taken, most)
	}
	for range size(10, 200) {
		v.stats()
	}
	first.subscribe(1, 1, every(router.Subscription{Patterns: []string{"events.#"}}))
	m.check()
	v.check()
}
