package outbox

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// pacing decides whether a message is written at once or waits for more, and for how
// long. It is guarded by the outbox's mu, but for the timer's wait.
//
// The simpler rule is to write at once what comes after a pause of minWait, and the rest
// when the batch is full or the timer fires. It is as fast for a dense stream, and takes
// no less processor time, but with it messages that come in bursts of three to twenty, 10,000 a
// second in all, take 175 µs to a subscriber instead of 60 (BenchmarkBurst, medians of
// four rounds in turn). So there are tokens for bursts.
type pacing struct {
	budget time.Duration // how long a message may wait, by the client's options

	// tokens, in ns, show whether a message is written at once: they grow with time, and a
	// message takes messageCost of them, however it was written. So messages up to a rate,
	// and short bursts, are written at once, and a dense stream in batches, also when it
	// comes in bursts itself.
	tokens   int64 // minTokens to maxTokens
	tokensAt int64 // when tokens was right

	timer *timer        // wakes Run; set only while the outbox is not closed
	due   int64         // when the timer fires; 0: it has fired, or was stopped
	wait  time.Duration // about how long a batch waits
	armed bool          // the timer is set, because of a batch that waits or is being written
}

const (
	messageCost = int64(40 * time.Microsecond)  // up to 25,000 messages a second are written at once: each is a write of some µs
	maxTokens   = int64(time.Millisecond)       // and 25 of a burst
	minTokens   = -int64(10 * time.Millisecond) // a dense stream that pauses for less stays one
	minWait     = 50 * time.Microsecond         // how long a dense stream's batch waits for more: ten times what the wake-up costs
	// maxWait is the same at most, when batches fill up before that. At a million messages
	// a second a write has 310 of them so, and 182 with minWait alone; at full speed that
	// saves 6 ns of 120 (BenchmarkOutbox).
	maxWait = 500 * time.Microsecond
)

func (p *pacing) init(budget time.Duration) (err error) {
	p.budget = budget
	p.tokens, p.wait = p.capacity(), p.shortestWait()
	p.timer, err = newTimer()
	return err
}

// refill brings the tokens up to now.
func (p *pacing) refill(now int64) {
	p.tokens = min(p.tokens+now-p.tokensAt, p.capacity())
	p.tokensAt = now
}

// spend takes the cost of messages that are being written.
func (p *pacing) spend(messages int) {
	p.refill(frame.Now())
	p.tokens = max(p.tokens-int64(messages)*p.cost(), minTokens)
}

// capacity is the most tokens. With a budget they are enough for one message: only one
// that comes after a pause is written at once.
func (p *pacing) capacity() int64 {
	if p.budget > 0 {
		return p.cost()
	}
	return maxTokens
}

func (p *pacing) cost() int64 { return max(int64(p.budget), messageCost) }

// shortestWait is how long Run waits before it writes what waits, unless batches fill
// up by themselves.
func (p *pacing) shortestWait() time.Duration { return max(p.budget, minWait) }

// lengthenWait has the next batch wait for longer, because batches fill up: each sets
// the timer anew before it fires. No batch waits longer than a budget allows.
func (p *pacing) lengthenWait() {
	most := maxWait
	if p.budget > 0 {
		most = p.shortestWait()
	}
	p.wait = min(2*p.wait, most)
}

// adaptWait chooses the wait of the next batch from how many messages the one has
// whose time is up.
func (p *pacing) adaptWait(messages int) {
	if int64(messages)*int64(maxWait) >= batchCount*int64(p.wait) {
		p.lengthenWait() // it would have filled up within maxWait
	} else {
		p.wait = p.shortestWait()
	}
}

// arm has Run write what waits, in wait at most. To set the timer costs more than to
// append a hundred messages, so it stays where it fires soon enough, and not too soon.
// mu is held.
func (o *Outbox) arm(now int64, wait time.Duration) {
	if o.closed {
		return
	}
	p := &o.pacing
	left, first := time.Duration(p.due-now), !p.armed
	if first {
		p.armed = true
		o.stamps.expire() // of the time before this batch
	}
	if left > wait || first && left < wait/2 {
		p.due = now + int64(wait)
		p.timer.set(wait)
	}
}

// disarm ends a batch's wait; the timer may fire all the same. mu is held.
func (o *Outbox) disarm() { o.pacing.armed = false }
