package ipc_test

import (
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestAReplyAtFaultEndsItsRequest has a responder answer with what is no reply. The
// requester learns it at once, on both transports. The responder gets the error under
// no id, because the one of the reply may also be one of its own frames.
func TestAReplyAtFaultEndsItsRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		flags   frame.Flags
		payload []byte
		alter   func([]byte) []byte
		want    error
	}{
		"an empty failure":    {flags: frame.FlagFailed, want: frame.ErrBody},
		"half a failure":      {flags: frame.FlagFailed, payload: []byte{33}, want: frame.ErrBody},
		"a failure, bad text": {flags: frame.FlagFailed, payload: []byte("\x21\x00\xff"), want: frame.ErrBody},
		"wrong flags":         {alter: func(b []byte) []byte { return altered(b, 6, byte(frame.FlagRetain)) }, want: frame.ErrFlags},
		"wrong priority":      {alter: func(b []byte) []byte { return altered(b, 7, frame.MaxPriority+1) }, want: frame.ErrPriority},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, router.Options{}, ipc.Options{})
			responder := s.greet(t)
			responder.subscribe(1, router.Subscription{Patterns: []string{"a.b"}, Respond: true})
			local := s.broker.Client("local")
			defer local.Close()
			for where, asker := range map[string]router.Bus{"in process": local, "over the socket": s.dial(t, ipc.ClientOptions{})} {
				outcome := make(chan error, 1)
				go func() { // ends with the request
					_, err := asker.Request(within(t), "a.b", nil)
					outcome <- err
				}()
				q := responder.next(frame.TypeStream)
				// The responder has a frame of its own under the same id.
				own := encode(frame.Fields{Type: frame.TypePublish, ID: q.ID(), Topic: "c.d"})
				reply := encode(frame.Fields{Type: frame.TypeReply, Flags: tc.flags, ID: q.ID(), Source: q.Source(), Payload: tc.payload})
				if tc.alter != nil {
					reply = tc.alter(reply)
				}
				responder.send(own, reply)
				var fault *router.Fault
				if err := <-outcome; !errors.Is(err, tc.want) || !errors.As(err, &fault) || fault.Code != frame.CodeOf(tc.want) {
					t.Errorf("%s: %T %v, want a fault that is %v", where, err, err, tc.want)
				}
				responder.expectError(0, frame.CodeOf(tc.want), false)
			}
			responder.flush(99)
			if st := s.stats(t); st.OpenRequests != 0 || st.Refused[frame.CodeOf(tc.want).String()] != 2 {
				t.Errorf("%d requests are open, refused %v", st.OpenRequests, st.Refused)
			}
		})
	}
}
