package outbox

import (
	"bytes"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// TestDropFrames drops one of the messages that are kept between connections.
func TestDropFrames(t *testing.T) {
	t.Parallel()
	var kept, want []byte
	for id := range uint64(5) {
		f := frame.Fields{Type: frame.TypePublish, Topic: "a", ID: id, Payload: make([]byte, id)}
		kept, _ = frame.Append(kept, &f)
		if id != 3 {
			want, _ = frame.Append(want, &f)
		}
	}
	got, dropped := dropFrames(kept, func(f frame.Frame) error {
		if f.ID() == 3 {
			return frame.ErrTooLarge
		}
		return nil
	}, nil)
	if !bytes.Equal(got, want) || len(dropped) != 1 {
		t.Errorf("%d bytes, want %d; dropped %v", len(got), len(want), dropped)
	}
}

// TestOnlyMessagesAreKept keeps no message that somebody waited to see confirmed, because
// its call has returned an error.
func TestOnlyMessagesAreKept(t *testing.T) {
	t.Parallel()
	var all, want []byte
	for _, f := range []frame.Fields{
		{Type: frame.TypePublish, Topic: "a"}, {Type: frame.TypePing}, {Type: frame.TypePublish, Topic: "b", Flags: frame.FlagRetain},
		{Type: frame.TypePublish, Topic: "c", Flags: frame.FlagConfirm}, {Type: frame.TypeRequest, Topic: "d"}, {Type: frame.TypePublish, Topic: "e"},
	} {
		all, _ = frame.Append(all, &f)
		if f.Type == frame.TypePublish && f.Topic != "c" {
			want, _ = frame.Append(want, &f)
		}
	}
	if got := onlyMessages(all); !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}
