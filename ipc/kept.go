package ipc

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
