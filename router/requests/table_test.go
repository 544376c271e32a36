package requests_test

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/router/requests"
)

// Each request is taken exactly once: by the responder that has it, by either session when
// that ends, or when it expires.
func TestEachRequestIsTakenOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := requests.NewTable()
		open := make(map[requests.Key]requests.Request)
		session := rapid.Uint32Range(1, 4)
		take := func(what string, taken []requests.Open, want func(requests.Open) bool) {
			expect := maps.Clone(open)
			maps.DeleteFunc(expect, func(k requests.Key, r requests.Request) bool { return !want(requests.Open{Key: k, Request: r}) })
			for _, r := range taken {
				if expect[r.Key] != r.Request {
					t.Fatalf("%s takes %+v, which is none of %v", what, r, expect)
				}
				delete(expect, r.Key)
				delete(open, r.Key)
			}
			if len(expect) > 0 {
				t.Fatalf("%s leaves %v", what, expect)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				key := requests.Key{Source: session.Draw(t, "source"), ID: rapid.Uint64Range(0, 9).Draw(t, "id")}
				if table.Has(key) {
					return
				}
				r := requests.Request{
					Responder: session.Draw(t, "responder"), Subscription: rapid.Uint64Range(1, 2).Draw(t, "subscription"),
					Sequence: rapid.Uint64().Draw(t, "sequence"), Expires: rapid.Int64Range(0, 100).Draw(t, "expires"),
				}
				table.Add(key, r)
				open[key] = r
			},
			"reply": func(t *rapid.T) {
				key := requests.Key{Source: session.Draw(t, "source"), ID: rapid.Uint64Range(0, 9).Draw(t, "id")}
				responder := rapid.Uint32Range(0, 4).Draw(t, "responder")
				var taken []requests.Open
				if r, ok := table.Take(key, responder); ok {
					taken = append(taken, r)
				}
				take("a reply", taken, func(r requests.Open) bool {
					return r.Key == key && (responder == 0 || r.Responder == responder)
				})
			},
			"session ends": func(t *rapid.T) {
				s := session.Draw(t, "session")
				take("the end of a session", table.TakeOf(s), func(r requests.Open) bool { return r.Source == s || r.Responder == s })
			},
			"responder ends": func(t *rapid.T) {
				s, sub := session.Draw(t, "session"), rapid.Uint64Range(1, 2).Draw(t, "subscription")
				take("the end of a responder", table.TakeOfResponder(s, sub), func(r requests.Open) bool {
					return r.Responder == s && r.Subscription == sub
				})
			},
			"expire": func(t *rapid.T) {
				now := rapid.Int64Range(0, 100).Draw(t, "now")
				take("the clock", table.TakeExpired(now), func(r requests.Open) bool { return r.Expires <= now })
			},
			"": func(t *rapid.T) {
				if table.Len() != len(open) {
					t.Fatalf("%d are open, want %d", table.Len(), len(open))
				}
			},
		})
	})
}
