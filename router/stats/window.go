package stats

// Flow counts messages and their bytes, and the messages of them that were dropped.
type Flow struct{ Messages, Bytes, Dropped uint64 }

func (f *Flow) add(o *Flow) {
	f.Messages += o.Messages
	f.Bytes += o.Bytes
	f.Dropped += o.Dropped
}

// window sums a flow over the last minute, in slots of a second.
type window struct {
	slots [60]Flow
	sum   Flow
	at    int64 // second of the current slot, from the start
}

func (w *window) add(f *Flow) {
	w.slots[w.at%int64(len(w.slots))].add(f)
	w.sum.add(f)
}

// advance makes second the current slot, and removes those that are older than a minute.
func (w *window) advance(second int64) {
	if second-w.at >= int64(len(w.slots)) {
		*w = window{at: second}
		return
	}
	for w.at < second {
		w.at++
		s := &w.slots[w.at%int64(len(w.slots))]
		w.sum.Messages -= s.Messages
		w.sum.Bytes -= s.Bytes
		w.sum.Dropped -= s.Dropped
		*s = Flow{}
	}
}
