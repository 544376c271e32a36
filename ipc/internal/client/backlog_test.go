package client

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
