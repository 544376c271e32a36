package dispatch

import (
	"container/list"
	"crypto/sha256"
	"time"
)

// Bounds of what is kept of earlier requests.
const (
	// Keep is how long an answer is kept.
	Keep = time.Minute
	// MaxIDs bounds the requests of a caller that are kept.
	MaxIDs = 1024
	// MaxBytes bounds the answers that are kept of a caller, in bytes.
	MaxBytes = 1 << 20
	// MaxCallers bounds the callers of which something is kept.
	MaxCallers = 64
	// MaxOpen bounds the operations of a caller that are carried out or wait.
	MaxOpen = 64
)

// digest identifies what a request asks for.
type digest [sha256.Size]byte

// call is one request of a caller. Its fields above answered are constant.
type call struct {
	id       string
	content  digest
	answered chan struct{} // closed when answer is there

	// written before answered is closed, read after it
	answer []byte
	at     time.Time
}

// open reports whether the operation goes on.
func (c *call) open() bool {
	select {
	case <-c.answered:
		return false
	default:
		return true
	}
}

// account is what is kept of one caller.
type account struct {
	key    string
	byID   map[string]*list.Element
	calls  list.List // of *call, the oldest first
	bytes  int       // of answers
	opened int       // calls without an answer
}

// requests keeps what callers asked for and the answers, within the bounds. It is a model
// without a clock and without goroutines; its owner has the lock.
type requests struct {
	limits
	accounts map[string]*list.Element
	used     list.List // of *account, the one that was used longest ago first
}

// limits are the bounds in force; a test chooses small ones.
type limits struct {
	keep                      time.Duration
	ids, bytes, callers, open int
}

var documented = limits{Keep, MaxIDs, MaxBytes, MaxCallers, MaxOpen}

func newRequests(l limits) *requests {
	return &requests{limits: l, accounts: make(map[string]*list.Element)}
}

// verdict is what a request is beside the earlier ones.
type verdict uint8

const (
	fresh    verdict = iota // it is new, and is noted now
	repeated                // it came before
	reused                  // its id was used for something else
	crowded                 // the caller has too many open operations, or there are too many callers
)

// note looks a request up and notes it if it is fresh.
func (l *requests) note(key, id string, content digest, now time.Time) (*call, verdict) {
	a := l.account(key)
	if a != nil {
		a.expire(now, l.keep)
		if e := a.byID[id]; e != nil {
			c := e.Value.(*call)
			if c.content != content {
				return nil, reused
			}
			return c, repeated
		}
		if a.opened >= l.open {
			return nil, crowded
		}
	} else if a = l.admit(key, now); a == nil {
		return nil, crowded
	}
	for a.calls.Len() >= l.ids && a.forgetOldest() {
	}
	c := &call{id: id, content: content, answered: make(chan struct{})}
	a.byID[id] = a.calls.PushBack(c)
	a.opened++
	return c, fresh
}

// account returns the account of key, which counts as used now; nil if there is none.
func (l *requests) account(key string) *account {
	e := l.accounts[key]
	if e == nil {
		return nil
	}
	l.used.MoveToBack(e)
	return e.Value.(*account)
}

// admit makes an account for key. If there are too many, the one that was used longest
// ago and has nothing open is forgotten; nil if each has something open.
func (l *requests) admit(key string, now time.Time) *account {
	for e := l.used.Front(); e != nil; {
		a, next := e.Value.(*account), e.Next()
		a.expire(now, l.keep)
		if a.calls.Len() == 0 || a.opened == 0 && l.used.Len() >= l.callers {
			l.used.Remove(e)
			delete(l.accounts, a.key)
		}
		e = next
	}
	if l.used.Len() >= l.callers {
		return nil
	}
	a := &account{key: key, byID: make(map[string]*list.Element)}
	l.accounts[key] = l.used.PushBack(a)
	return a
}

// settle notes the answer of a call.
func (l *requests) settle(key string, c *call, answer []byte, now time.Time) {
	c.answer, c.at = answer, now
	close(c.answered)
	a := l.accounts[key].Value.(*account) // it has something open, so it was not forgotten
	a.opened--
	a.bytes += len(answer)
	for a.bytes > l.bytes && a.forgetOldest() {
	}
}

// expire forgets answers that are older than keep.
func (a *account) expire(now time.Time, keep time.Duration) {
	for e := a.calls.Front(); e != nil; {
		next := e.Next()
		if c := e.Value.(*call); !c.open() && now.Sub(c.at) >= keep {
			a.forget(e)
		}
		e = next
	}
}

// forgetOldest forgets the oldest call that has an answer, and reports whether there was
// one.
func (a *account) forgetOldest() bool {
	for e := a.calls.Front(); e != nil; e = e.Next() {
		if !e.Value.(*call).open() {
			a.forget(e)
			return true
		}
	}
	return false
}

func (a *account) forget(e *list.Element) {
	c := a.calls.Remove(e).(*call)
	a.bytes -= len(c.answer)
	delete(a.byID, c.id)
}
