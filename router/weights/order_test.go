package weights_test

import (
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/weights"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type sub struct {
	queue queue.Queue
	lane  weights.Lane[int]
}

// The lane that is found has at least half the weight of the heaviest of its class, urgent
// lanes come after all bulk lanes, and inboxes first once they are beyond their share.
func TestTheLaneThatIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var order weights.Order[int]
		pool := buffer.NewPool()
		var scratch []queue.Item
		subs := make([]sub, 12)
		for i := range subs {
			s := &subs[i]
			s.queue.Reset(bus.DropOldest, 1000, 1000, false)
			order.Add(&s.lane, i, &s.queue, bus.Lane(i%2), i < 2)
		}
		push := func(i, n, size int) {
			s := &subs[i]
			for range n {
				buf := pool.Get(size)
				buf.B, _ = frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: "a", Payload: make([]byte, size-200)})
				items := []queue.Item{{Buf: buf, Len: uint32(len(buf.B))}}
				s.queue.Push(s.lane.Lane, items, &scratch)
				if order.Tracking() {
					order.Pushed(&s.lane, items)
				}
			}
		}
		weight := func(i int) int64 { return subs[i].queue.Weight(subs[i].lane.Lane) }
		one := rapid.IntRange(0, len(subs)-1)
		maxInboxes := rapid.Int64Range(0, 1<<20).Draw(t, "share of inboxes")
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				push(one.Draw(t, "lane"), rapid.IntRange(1, 9).Draw(t, "n"), 1<<rapid.IntRange(9, 17).Draw(t, "size"))
			},
			"consume": func(t *rapid.T) {
				s := &subs[one.Draw(t, "lane")]
				if b, ok := s.queue.DequeueLane(s.lane.Lane, rapid.IntRange(1, 9).Draw(t, "n")); ok {
					size := uint64(0)
					for i := range b.Items {
						size += uint64(b.Items[i].Len)
					}
					s.queue.Delivered(b.Lane, len(b.Items), size)
					queue.ReleaseItems(b.Items)
				}
			},
			"track": func(*rapid.T) { order.Track() },
			"stop":  func(*rapid.T) { order.Stop() },
			"find": func(t *rapid.T) {
				order.Track()
				e := order.Heaviest(maxInboxes)
				var heaviest [3]int64
				inboxes := int64(0)
				for i := range subs {
					c := subs[i].lane.Class
					heaviest[c] = max(heaviest[c], weight(i))
					if c == weights.Inbox {
						inboxes += weight(i)
					}
				}
				class := weights.Bulk
				switch {
				case inboxes > maxInboxes:
					class = weights.Inbox
				case heaviest[weights.Bulk] == 0:
					class = weights.Urgent
				}
				if e == nil {
					if heaviest[class] > 0 {
						t.Fatalf("none is found, but one of class %d weighs %d", class, heaviest[class])
					}
					return
				}
				if e.Class != class || 2*weight(e.Subscription) < heaviest[class] {
					t.Fatalf("one of class %d that weighs %d is found, want one of class %d and about %d", e.Class, weight(e.Subscription), class, heaviest[class])
				}
			},
		})
		for i := range subs {
			order.Forget(&subs[i].lane)
			subs[i].queue.Close()
			subs[i].queue.Discard()
		}
		if order.Track(); order.Len() != 0 || order.Heaviest(0) != nil {
			t.Fatalf("%d lanes are left", order.Len())
		}
		if n := pool.Live(); n != 0 {
			t.Fatalf("%d bytes are not back in the pool", n)
		}
	})
}
