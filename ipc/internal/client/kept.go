package client

import "github.com/daemoneye/eventbus/frame"

// messages drops all frames of b but messages, in place.
func messages(b []byte) []byte {
	kept := b[:0]
	for len(b) > 0 {
		f := frame.Frame(b[:frame.Need(b)])
		if f.Type() == frame.TypePublish {
			kept = append(kept, f...)
		}
		b = b[len(f):]
	}
	return kept
}

// unwritten returns the frames of batch that were not written whole: the broker
// cannot have routed those.
func unwritten(batch []byte, sent int) []byte {
	off := 0
	for off < len(batch) {
		n := frame.Need(batch[off:])
		if off+n > sent {
			break
		}
		off += n
	}
	return batch[off:]
}

// firstMessage returns the number of the message that b begins with, and 0 where
// it is none.
func firstMessage(b []byte) uint64 {
	if f := frame.Frame(b); len(b) >= frame.HeaderSize && f.Type() == frame.TypePublish {
		return f.ID()
	}
	return 0
}

// without drops the frames of b for which drop has an error, in place, and adds
// the errors to dropped.
func without(b []byte, drop func(frame.Frame) error, dropped []error) ([]byte, []error) {
	kept := b[:0]
	for len(b) > 0 {
		f := frame.Frame(b[:frame.Need(b)])
		if err := drop(f); err != nil {
			dropped = append(dropped, err)
		} else {
			kept = append(kept, f...)
		}
		b = b[len(f):]
	}
	return kept, dropped
}
