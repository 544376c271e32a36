package hostile

import (
	"fmt"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// TestReplayOfManyTopics has subscriptions that ask for the replay after messages on
// thousands of topics, again and again, while others subscribe to everything.
func TestReplayOfManyTopics(t *testing.T) {
	clients, topics, again := size(1, 4), size(2000, 18000), size(4, 16)
	v := startAgent(t, setting{})
	m := measure(v)
	pub := v.dial(0)
	for _, root := range []string{"events.process", "alerts.x"} {
		pub.publish(numbered(root, topics), []byte("1"), 0, nil)
	}
	for range clients {
		v.dial(0).subscribe(1, perClient, every(router.Subscription{Patterns: []string{"#"}, Queue: 1}))
	}
	c := v.dial(0)
	c.subscribe(1000, 1, every(router.Subscription{Patterns: []string{"#"}, ReplayFrom: 1}))
	var b []byte
	for i := range again {
		id := 2000 + uint64(i)
		b = append(b, subscription(t, id, router.Subscription{Patterns: []string{"#"}, ReplayFrom: 1})...)
		b = append(b, encode(t, frame.Fields{Type: frame.TypeUnsubscribe, ID: id})...)
	}
	c.send(b)
	for i := range again { // the subscription's and its end's
		id := 2000 + uint64(i)
		c.await(frame.TypeAck, id)
		c.await(frame.TypeAck, id)
	}
	m.check()
	v.check()
}

// TestValuesOfManyOwners has a thousand clients retain a value each and go. Where times are
// measured, a retained message costs at most two microseconds then.
func TestValuesOfManyOwners(t *testing.T) {
	const most = 2 * time.Microsecond
	owners, messages := size(200, 1024), size(5_000, 200_000)
	retain := func(owners int) (v *victim, measurable bool, cost time.Duration) {
		v = startAgent(t, setting{})
		m := measure(v)
		for i := range owners {
			c := v.dial(0)
			c.publish(repeat(fmt.Sprintf("events.owner.%d", i), 1), []byte("1"), frame.FlagRetain, nil)
			c.conn.Close()
		}
		c := v.dial(0)
		began := v.cpu()
		c.publish(numbered("events.mine", messages), []byte("1"), frame.FlagRetain, nil)
		cost = (v.cpu() - began) / time.Duration(messages)
		return v, m.check(), cost
	}
	v, measurable, cost := retain(owners)
	if s := v.check(); s.Retained > 1024 || s.RetainedDropped < uint64(owners+messages)-1024 {
		t.Errorf("%d values are retained, %d were dropped", s.Retained, s.RetainedDropped)
	}
	if !soaking {
		return
	}
	_, also, alone := retain(0)
	t.Logf("a retained message on another topic costs %s, and %s where there were no owners before", cost, alone)
	if alone > most {
		t.Logf("not measurable: without the attack it costs more than %s", most)
		return
	}
	if measurable && also && cost > most {
		t.Errorf("a retained message costs %s, want at most %s", cost, most)
	}
}
