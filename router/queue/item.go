package queue

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
)

// ReleaseItems releases the references that items hold, and clears the slice.
func ReleaseItems(items []Item) {
	releaseRefs(items)
	clear(items)
}

// releaseRefs releases the references that items hold. Neighbours of the same buffer are
// released in one call.
func releaseRefs(items []Item) {
	for i := 0; i < len(items); {
		buf := items[i].Buf
		j := i + 1
		for j < len(items) && items[j].Buf == buf {
			j++
		}
		buf.Release(j - i)
		i = j
	}
}

// ClaimSize is the most messages that Dequeue should be asked for.
const ClaimSize = 64

// Item is one queued message: a view of a frame in a shared buffer, on which it
// holds one reference.
type Item struct {
	Buf      *buffer.Buffer
	Off, Len uint32
	// seq is the message's number in its lane. The queue numbers messages before it
	// decides what to drop, so that every loss leaves a hole.
	seq uint64
	// pos counts the bytes of all frames of the lane before this one. So the difference
	// of pos across a hole in seq is the size of the loss.
	pos uint64
}

// Frame returns the message's bytes. They are valid until the reference is released.
func (it *Item) Frame() frame.Frame {
	return frame.Frame(it.Buf.B[it.Off : it.Off+it.Len : it.Off+it.Len])
}

// Sequence returns the message's number in its lane.
func (it *Item) Sequence() uint64 { return it.seq }
