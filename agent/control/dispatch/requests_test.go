package dispatch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// kept is a call as the model has it.
type kept struct {
	id      string
	content byte
	call    *call
	answer  []byte // nil while it is open
	at      time.Time
}

// TestEarlierRequestsAreKeptLikeTheModel compares the requests with lists: which requests are the first of
// their id, which answer a repeated one gets, and what is forgotten when it is too much.
func TestEarlierRequestsAreKeptLikeTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := limits{keep: 10 * time.Second, ids: 5, bytes: 40, callers: 3, open: 3}
		l := newRequests(small)
		model := map[string][]*kept{} // of each caller, the oldest first
		var used []string             // callers, the one that was used longest ago first
		now := time.Unix(0, 0)
		expire := func(key string) {
			model[key] = slices.DeleteFunc(model[key], func(k *kept) bool { return k.answer != nil && now.Sub(k.at) >= small.keep })
		}
		open := func(key string) (n int) {
			for _, k := range model[key] {
				if k.answer == nil {
					n++
				}
			}
			return n
		}
		forgetOldest := func(key string) bool {
			i := slices.IndexFunc(model[key], func(k *kept) bool { return k.answer != nil })
			if i >= 0 {
				model[key] = slices.Delete(model[key], i, i+1)
			}
			return i >= 0
		}
		t.Repeat(map[string]func(*rapid.T){
			"note": func(t *rapid.T) {
				key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "caller")
				id := fmt.Sprint(rapid.IntRange(0, 8).Draw(t, "id"))
				content := rapid.ByteRange(0, 1).Draw(t, "content")
				want, wantCall := fresh, (*kept)(nil)
				if slices.Contains(used, key) {
					used = append(slices.DeleteFunc(used, func(k string) bool { return k == key }), key)
					expire(key)
					i := slices.IndexFunc(model[key], func(k *kept) bool { return k.id == id })
					switch {
					case i >= 0 && model[key][i].content != content:
						want = reused
					case i >= 0:
						want, wantCall = repeated, model[key][i]
					case open(key) >= small.open:
						want = crowded
					}
				} else {
					for _, other := range slices.Clone(used) {
						if expire(other); len(model[other]) == 0 || open(other) == 0 && len(used) >= small.callers {
							delete(model, other)
							used = slices.DeleteFunc(used, func(k string) bool { return k == other })
						}
					}
					if len(used) >= small.callers {
						want = crowded
					} else {
						used = append(used, key)
					}
				}
				c, got := l.note(key, id, digest{content}, now)
				if got != want {
					t.Fatalf("note %s %s %d is %d, want %d", key, id, content, got, want)
				}
				switch want {
				case repeated:
					if c != wantCall.call || wantCall.answer != nil && string(c.answer) != string(wantCall.answer) {
						t.Fatalf("another call: %+v", c)
					}
				case fresh:
					for len(model[key]) >= small.ids && forgetOldest(key) {
					}
					model[key] = append(model[key], &kept{id: id, content: content, call: c})
				}
			},
			"settle": func(t *rapid.T) {
				var waiting []string
				for _, key := range used {
					if open(key) > 0 {
						waiting = append(waiting, key)
					}
				}
				if len(waiting) == 0 {
					t.Skip("nothing is open")
				}
				key := rapid.SampledFrom(waiting).Draw(t, "caller")
				var calls []*kept
				for _, k := range model[key] {
					if k.answer == nil {
						calls = append(calls, k)
					}
				}
				k := rapid.SampledFrom(calls).Draw(t, "call")
				k.answer, k.at = make([]byte, rapid.IntRange(1, 30).Draw(t, "size")), now
				l.settle(key, k.call, k.answer, now)
				for bytes := sum(model[key]); bytes > small.bytes && forgetOldest(key); bytes = sum(model[key]) {
				}
			},
			"wait": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 6).Draw(t, "seconds")) * time.Second) },
			"": func(t *rapid.T) {
				if len(l.accounts) != len(used) || l.used.Len() != len(used) {
					t.Fatalf("%d callers are kept, want %d", len(l.accounts), len(used))
				}
				for _, key := range used {
					a := l.accounts[key].Value.(*account)
					if a.calls.Len() != len(model[key]) || len(a.byID) != len(model[key]) || a.opened != open(key) || a.bytes != sum(model[key]) {
						t.Fatalf("%s has %d calls, %d open, %d bytes; want %d, %d, %d",
							key, a.calls.Len(), a.opened, a.bytes, len(model[key]), open(key), sum(model[key]))
					}
					if a.calls.Len() > small.ids || a.bytes > small.bytes || a.opened > small.open {
						t.Fatalf("%s is beyond the bounds: %+v", key, a)
					}
				}
			},
		})
	})
}

func sum(all []*kept) (n int) {
	for _, k := range all {
		n += len(k.answer)
	}
	return n
}
