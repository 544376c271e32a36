package thread

import "time"

// Idler is the driver of a broker without sockets: its Poll only waits.
type Idler struct {
	ch    chan struct{}
	timer *time.Timer
}

// NewIdler returns an Idler.
func NewIdler() *Idler {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &Idler{make(chan struct{}, 1), t}
}

// Poll waits until Wake is called, or for at most wait. It never reports input.
func (d *Idler) Poll(wait time.Duration) (bool, error) {
	if wait == 0 {
		return false, nil
	}
	d.timer.Reset(wait)
	select {
	case <-d.ch:
		d.timer.Stop()
	case <-d.timer.C:
	}
	return false, nil
}

// Wake makes the waiting Poll, or else the next one, return.
func (d *Idler) Wake() {
	select {
	case d.ch <- struct{}{}:
	default: // a token is there already
	}
}

// Finish does nothing.
func (d *Idler) Finish() {}

// Pause sleeps for t.
func (d *Idler) Pause(t time.Duration) { time.Sleep(t) }
