package queue

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
)

// ReleaseItems gives back the references that items hold, and clears them.
func ReleaseItems(items []Item) {
	releaseRefs(items)
	clear(items)
}

// releaseRefs gives references back, a run of the same buffer at a time.
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

// ClaimSize is the most messages that one Take yields.
const ClaimSize = 64

// Item is one queued message: a view of a frame in a shared buffer, on which it
// holds one reference.
type Item struct {
	Buf      *buffer.Buffer
	Off, Len uint32
	// seq is the message's number in its lane. Numbers are given before the
	// queue decides what to drop, so that every loss leaves a hole.
	seq uint64
	// pos counts the bytes of all frames of the lane before this one, so that a
	// hole in seq has its size in pos.
	pos uint64
}

// Frame returns the message's bytes. They are valid as long as the reference.
func (it *Item) Frame() frame.Frame {
	return frame.Frame(it.Buf.B[it.Off : it.Off+it.Len : it.Off+it.Len])
}

// Sequence returns the message's number in its lane.
func (it *Item) Sequence() uint64 { return it.seq }
