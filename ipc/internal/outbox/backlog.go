package outbox

import "github.com/daemoneye/eventbus/frame"

// What the outbox keeps from one connection to the next is found frame by frame: the
// functions here take the bytes of whole frames.

// onlyMessages drops all frames of b but messages that nobody waits to see confirmed, in
// place.
func onlyMessages(b []byte) []byte {
	kept := b[:0]
	for len(b) > 0 {
		f := frame.Frame(b[:frame.Need(b)])
		if f.Type() == frame.TypePublish && f.Flags()&frame.FlagConfirm == 0 {
			kept = append(kept, f...)
		}
		b = b[len(f):]
	}
	return kept
}

// unwrittenFrames returns the frames of batch that were not written whole when sent
// bytes were: the broker cannot have routed those.
func unwrittenFrames(batch []byte, sent int) []byte {
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

// firstMessageID returns the number of the message that b begins with, or 0 when b
// begins with no message.
func firstMessageID(b []byte) uint64 {
	if f := frame.Frame(b); len(b) >= frame.HeaderSize && f.Type() == frame.TypePublish {
		return f.ID()
	}
	return 0
}

// dropFrames drops the frames of b for which fault returns an error, in place, and
// appends the errors to faults.
func dropFrames(b []byte, fault func(frame.Frame) error, faults []error) ([]byte, []error) {
	kept := b[:0]
	for len(b) > 0 {
		f := frame.Frame(b[:frame.Need(b)])
		if err := fault(f); err != nil {
			faults = append(faults, err)
		} else {
			kept = append(kept, f...)
		}
		b = b[len(f):]
	}
	return kept, faults
}
