package ipc_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// TestPythonFeatures plays a broker that has what clients may do without: credit,
// confirm, and a clock that is a day ahead. The Python client keeps its part of each.
func TestPythonFeatures(t *testing.T) {
	t.Parallel()
	const day = int64(24 * time.Hour)
	f := newFake(t)
	came := f.welcome(frame.Welcome{Features: []string{"s2", "credit", "confirm"}, ClockNs: frame.Now() + day})
	out := make(chan string, 1)
	cmd := python(t, "features", f.path)
	go func() { // ends with the client, which ends with the broker
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("client.py: %v", err)
		}
		out <- string(text)
	}()
	p, ok := <-came
	if !ok {
		t.Fatalf("client.py:\n%s", <-out)
	}
	defer func() { t.Logf("client.py:\n%s", <-out) }()
	defer p.conn.Close()

	id := p.expect(frame.TypeSubscribe).ID()
	ack := frame.Ack{Sequence: 1, Queue: 4, Window: uint32(frame.CreditWindow(4))}
	p.send(encode(frame.Fields{Type: frame.TypeAck, ID: id, Payload: frame.AppendAck(nil, ack)}))
	now := frame.Now() + day
	one := encode(frame.Fields{Type: frame.TypePublish, Topic: "go.a", Time: now, Payload: []byte("first")})
	two := encode(frame.Fields{Type: frame.TypePublish, Topic: "go.b", Time: now, Payload: []byte("the second")})
	bad := encode(frame.Fields{Type: frame.TypePublish, Topic: "go.c", Time: now, Flags: frame.FlagS2, Payload: []byte("no such block")})
	p.send(streamOf(id, frame.LaneBulk, 0), one, two)

	// The window is 2, so each message is due; a total has all that was before it.
	want := frame.Credit{Subscription: id}
	credit := func() {
		t.Helper()
		got, err := frame.ParseCredit(p.expect(frame.TypeCredit).Payload())
		if err != nil || got != want {
			t.Errorf("credit %+v, %v, want %+v", got, err, want)
		}
	}
	want.Consumed, want.ConsumedBytes = 1, uint64(len(one))
	credit()
	want.Consumed, want.ConsumedBytes = 2, uint64(len(one)+len(two))
	credit()
	p.send(bad)
	want.Lost, want.LostBytes = 1, uint64(len(bad))
	credit()

	m := p.expect(frame.TypePublish)
	// The clock in welcome was read before the client began, so it is not exact.
	if ahead := m.Time() - frame.Now(); m.Flags() != frame.FlagConfirm || ahead < day/2 || ahead > day {
		t.Errorf("confirmed publish: flags %d, %s ahead, want flags %d and about a day", m.Flags(), time.Duration(ahead), frame.FlagConfirm)
	}
	p.send(encode(frame.Fields{Type: frame.TypeAck, ID: m.ID(), Payload: frame.AppendAck(nil, frame.Ack{Sequence: 7, Matched: 3})}))
	p.send(encode(frame.Fields{Type: frame.TypeAck, ID: p.expect(frame.TypeUnsubscribe).ID(), Payload: frame.AppendAck(nil, frame.Ack{})}))
	p.expect(frame.TypeGoodbye)
}
