package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/topic"
)

// item encodes a message of a client, with the broker's sequence.
func item(t interface{ Fatal(...any) }, pool *buffer.Pool, name, payload string, source uint32, sequence uint64) queue.Item {
	buf := pool.Get(64 + len(payload))
	b, err := frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: name, Payload: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	buf.B = b
	frame.Frame(b).Stamp(source, sequence)
	return queue.Item{Buf: buf, Len: uint32(len(b))}
}

func patterns(t interface{ Fatal(...any) }, texts ...string) topic.Patterns {
	ps, err := topic.ParsePatterns(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// lines formats what was collected.
func lines(p *store.Past) (out []string) {
	p.Settle()
	for i := range p.Messages {
		f := p.Messages[i].Frame()
		out = append(out, fmt.Sprintf("%d %s %s", f.Sequence(), f.Topic(), f.Payload()))
	}
	return out
}

var names = []string{"a", "a.x", "a.y", "b", "b.x"}

// kept is one value of the model.
type kept struct {
	topic, payload string
	source         uint32
	sequence       uint64
}

// Retained is compared with a list. The limits remove the oldest value of the client that
// has most of them.
func TestRetainedKeepsTheLastValueOfEachTopic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := buffer.NewPool()
		most := rapid.IntRange(1, 4).Draw(t, "limit")
		r := store.NewRetained(pool, store.Limits{Values: most, Bytes: 1 << 20})
		var model []kept // oldest first
		sequence := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"keep": func(t *rapid.T) {
				sequence++
				k := kept{rapid.SampledFrom(names).Draw(t, "topic"), rapid.SampledFrom([]string{"", "v", "w"}).Draw(t, "payload"),
					rapid.Uint32Range(1, 3).Draw(t, "client"), sequence}
				it := item(t, pool, k.topic, k.payload, k.source, k.sequence)
				r.Keep(k.topic, bus.Bulk, &it)
				it.Buf.Release(1)
				model = without(model, k.topic)
				if k.payload == "" {
					return
				}
				if model = append(model, k); len(model) > most {
					model = without(model, loser(model))
				}
			},
			"compact": func(*rapid.T) { r.Compact() },
			"": func(t *rapid.T) {
				p := new(store.Past)
				ps := rapid.SampledFrom([]string{"#", "a.#", "a.*", "b", "+.x"}).Draw(t, "pattern")
				r.Collect(&store.Want{Patterns: patterns(t, ps, "a.x")}, p)
				var want []string
				for _, k := range model {
					if all := patterns(t, ps, "a.x"); all.Match(k.topic) {
						want = append(want, fmt.Sprintf("%d %s %s", k.sequence, k.topic, k.payload))
					}
				}
				if diff := cmp.Diff(want, lines(p)); diff != "" || r.Len() != len(model) {
					t.Fatalf("%s (-want +got)\n%s%d values, want %d", ps, diff, r.Len(), len(model))
				}
			},
		})
		r.Release()
		if pool.Live() != 0 || r.Beside() != 0 {
			t.Fatalf("%d bytes are not back in the pool, and %d are kept beside", pool.Live(), r.Beside())
		}
	})
}

func without(model []kept, name string) (left []kept) {
	for _, k := range model {
		if k.topic != name {
			left = append(left, k)
		}
	}
	return left
}

// loser returns the topic whose value is removed by the limit on their number.
func loser(model []kept) string {
	count := map[uint32]int{}
	for _, k := range model {
		count[k.source]++
	}
	best := -1
	for i, k := range model { // the oldest value of each client comes first
		if best < 0 || count[k.source] > count[model[best].source] {
			best = i
		}
	}
	return model[best].topic
}

// Replay is compared with a list of everything that was ever published.
func TestReplayReturnsWhatItHasAndCountsWhatItHasLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := buffer.NewPool()
		most := rapid.IntRange(1, 5).Draw(t, "count")
		r, err := store.NewReplay(store.Rule{Pattern: "#", MaxCount: most}, pool)
		if err != nil {
			t.Fatal(err)
		}
		var model []kept
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				name := rapid.SampledFrom(names).Draw(t, "topic")
				var items []queue.Item
				for range rapid.IntRange(1, 3).Draw(t, "messages") {
					k := kept{topic: name, payload: "v", source: 1, sequence: uint64(len(model) + 1)}
					model = append(model, k)
					items = append(items, item(t, pool, k.topic, k.payload, k.source, k.sequence))
				}
				r.Add(name, bus.Bulk, items, 0)
				queue.ReleaseItems(items)
			},
			"compact": func(*rapid.T) { r.Compact() },
			"": func(t *rapid.T) {
				text := rapid.SampledFrom([]string{"#", "a.#", "a.*", "b", "+.x"}).Draw(t, "pattern")
				from := rapid.Uint64Range(1, uint64(len(model)+1)).Draw(t, "from")
				p := new(store.Past)
				r.Collect(&store.Want{Patterns: patterns(t, text), From: from}, p)
				var want []string
				lost := uint64(0)
				for i, k := range model {
					switch all := patterns(t, text); {
					case !all.Match(k.topic) || k.sequence < from:
					case i < len(model)-most:
						lost++
					default:
						want = append(want, fmt.Sprintf("%d %s %s", k.sequence, k.topic, k.payload))
					}
				}
				if diff := cmp.Diff(want, lines(p)); diff != "" || p.Lost[bus.Bulk].Count != lost || p.Unknown {
					t.Fatalf("%s from %d (-want +got)\n%s%d lost, want %d; unknown %v", text, from, diff, p.Lost[bus.Bulk].Count, lost, p.Unknown)
				}
			},
		})
		r.Release()
		if pool.Live() != 0 || r.Beside() != 0 {
			t.Fatalf("%d bytes are not back in the pool, and %d are kept beside", pool.Live(), r.Beside())
		}
	})
}

// The cost of a search depends on what it matches, however much else is kept.
func TestCollectVisitsOnlyWhatMatches(t *testing.T) {
	pool := buffer.NewPool()
	replay, err := store.NewReplay(store.Rule{Pattern: "#", MaxCount: 10_000, MaxBytes: 8 << 20}, pool)
	if err != nil {
		t.Fatal(err)
	}
	retained := store.NewRetained(pool, store.Limits{Values: 10_000, Bytes: 64 << 20})
	for i := range uint64(10_000) {
		name := fmt.Sprintf("events.process.t%d", i)
		it := item(t, pool, name, "v", uint32(i), i+1)
		replay.Add(name, bus.Bulk, []queue.Item{it}, 0)
		retained.Keep(name, bus.Bulk, &it)
		it.Buf.Release(1)
	}
	p := new(store.Past)
	want := store.Want{Patterns: patterns(t, "events.process.t77", "alerts.#"), From: 1}
	replay.Collect(&want, p)
	retained.Collect(&want, p)
	if p.Visited > 20 {
		t.Errorf("%d topics and messages were visited, want at most 20", p.Visited)
	}
	if got := lines(p); len(got) != 1 {
		t.Errorf("%q, want one message", got)
	}
	retained.Release()
	replay.Release()
}

// A replay's memory beside its frames is bounded, however many topics there are.
func TestTopicsOfAReplayAreBounded(t *testing.T) {
	pool := buffer.NewPool()
	r, err := store.NewReplay(store.Rule{Pattern: "#", MaxCount: 1 << 30, MaxBytes: 1 << 20}, pool)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(20_000) {
		name := fmt.Sprintf("t.%d", i)
		it := item(t, pool, name, "", 1, i+1)
		r.Add(name, bus.Bulk, []queue.Item{it}, 0)
		it.Buf.Release(1)
		if r.Beside() > 1<<20 {
			t.Fatalf("%d bytes beside the frames of %d messages, want at most %d", r.Beside(), i+1, 1<<20)
		}
	}
	p := new(store.Past)
	r.Collect(&store.Want{Patterns: patterns(t, "#"), From: 1}, p)
	if !p.Unknown || len(lines(p)) == 0 {
		t.Errorf("unknown is %v, with %d messages: want a loss of unknown size, and the latest", p.Unknown, len(p.Messages))
	}
	r.Release()
}

// BenchmarkRetain replaces a value while many clients hold one each and have disconnected.
func BenchmarkRetain(b *testing.B) {
	for _, owners := range []int{1, 1024} {
		b.Run(fmt.Sprintf("owners=%d", owners), func(b *testing.B) {
			pool := buffer.NewPool()
			r := store.NewRetained(pool, store.Limits{Values: owners, Bytes: 1 << 30})
			for i := range owners {
				name := fmt.Sprintf("t.%d", i)
				it := item(b, pool, name, "v", uint32(i), uint64(i))
				r.Keep(name, bus.Bulk, &it)
				it.Buf.Release(1)
			}
			fresh := make([]string, 4096)
			for i := range fresh {
				fresh[i] = fmt.Sprintf("u.%d", i)
			}
			it := item(b, pool, "u", "v", 7, 1<<40)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				r.Keep(fresh[i%len(fresh)], bus.Bulk, &it)
				i++
			}
		})
	}
}
