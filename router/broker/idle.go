package broker

import "time"

// idler is the driver of a broker without sockets.
type idler struct {
	ch    chan struct{}
	timer *time.Timer
}

func newIdler() *idler {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &idler{make(chan struct{}, 1), t}
}

func (d *idler) Poll(wait time.Duration) (bool, error) {
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

func (d *idler) Wake() {
	select {
	case d.ch <- struct{}{}:
	default: // a token is there already
	}
}

func (d *idler) Finish() {}

func (d *idler) Pause(t time.Duration) { time.Sleep(t) }
