package ipc_test

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestAReportOfAWriteUnderWay has a client take and report the first messages of a write
// whose rest its socket has no room for: they count as delivered, and no message counts
// twice, whether or not the rest is ever written.
func TestAReportOfAWriteUnderWay(t *testing.T) {
	const each, taken = 14, 45 // the first write that the socket does not take whole is behind 30 or so
	for name, ends := range map[string]func(*peer){
		"and take the rest":      func(p *peer) { p.flush(2) },
		"and lose the rest":      func(p *peer) { p.conn.Close() },
		"and end with a goodbye": func(p *peer) { p.send(encode(frame.Fields{Type: frame.TypeGoodbye, Payload: make([]byte, 2)})) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{})
			p, pubs := s.knock(t), []*peer{s.greet(t), s.greet(t), s.greet(t), s.greet(t), s.greet(t)}
			p.send(hello(frame.Hello{Version: 1, Features: frame.FeatureCredit.Names()}))
			p.expect(frame.TypeWelcome)
			p.subscribe(1, router.Subscription{Patterns: []string{"events.a"}})
			let := s.hold(t)
			for _, pub := range pubs { // together they send more than a socket holds, and in one turn
				for id := range uint64(each) {
					pub.send(message(id, "events.a", string(make([]byte, 10_000))))
				}
			}
			let()
			for _, pub := range pubs {
				pub.flush(1)
			}
			credit := frame.Credit{Subscription: 1}
			for credit.Consumed < taken {
				f := p.next(frame.TypeStream)
				credit.Consumed++
				credit.ConsumedBytes += uint64(len(f))
				p.send(encode(frame.Fields{Type: frame.TypeCredit, Payload: frame.AppendCredit(nil, credit)}))
				s.await(t, "it is counted", func(st *router.Stats) bool { return st.Delivered == credit.Consumed || len(st.Refused) > 0 })
			}
			st := s.stats(t)
			if st.Delivered != taken || len(st.Refused) > 0 || st.Matched != st.Delivered+st.Dropped+st.Queued {
				t.Fatalf("delivered %d, refused %v, matched %d, dropped %d, queued %d", st.Delivered, st.Refused, st.Matched, st.Dropped, st.Queued)
			}
			ends(p)
			st = s.stats(t)
			if st.Matched != 5*each || st.Matched != st.Delivered+st.Dropped+st.Queued {
				t.Errorf("matched %d, delivered %d, dropped %d, queued %d", st.Matched, st.Delivered, st.Dropped, st.Queued)
			}
			p.conn.Close()
			s.await(t, "it is gone", func(st *router.Stats) bool { return len(st.Clients) == 5 })
			if st := s.settled(t); st.Matched != 5*each || st.Queued != 0 || st.Matched != st.Delivered+st.Dropped {
				t.Errorf("at the end matched %d, delivered %d, dropped %d, queued %d", st.Matched, st.Delivered, st.Dropped, st.Queued)
			}
		})
	}
}
