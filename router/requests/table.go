// Package requests has the table of a broker's open requests.
package requests

// Key identifies an open request: the session that asks, and the number that it chose.
type Key struct {
	Source uint32
	ID     uint64
}

// Request is a request that a responder has, or will have, in its queue.
type Request struct {
	// Responder is the session of the responder, and Subscription its subscription there.
	Responder    uint32
	Subscription uint64
	// Sequence is the broker's, of the request.
	Sequence uint64
	// Expires is the time at which the request ends.
	Expires int64
}

// Open is a request with its key.
type Open struct {
	Key
	Request
}

// Table has the open requests. One goroutine at a time.
type Table struct{ open map[Key]Request }

// NewTable returns an empty table.
func NewTable() *Table { return &Table{make(map[Key]Request)} }

// Len returns how many requests are open.
func (t *Table) Len() int { return len(t.open) }

// Has reports whether a request is open.
func (t *Table) Has(key Key) bool { _, ok := t.open[key]; return ok }

// Add opens a request.
func (t *Table) Add(key Key, r Request) { t.open[key] = r }

// Take closes the request and returns it. It returns false, and changes nothing, if there is
// none, or if it is another responder's. A responder of 0 stands for any.
func (t *Table) Take(key Key, responder uint32) (Open, bool) {
	r, ok := t.open[key]
	if !ok || responder != 0 && r.Responder != responder {
		return Open{}, false
	}
	delete(t.open, key)
	return Open{key, r}, true
}

// TakeOf closes the requests that a session asked or was asked, and returns them.
func (t *Table) TakeOf(session uint32) []Open {
	return t.takeAll(func(k Key, r Request) bool { return k.Source == session || r.Responder == session })
}

// TakeOfResponder closes the requests of one subscription of a session, and returns them.
func (t *Table) TakeOfResponder(session uint32, subscription uint64) []Open {
	return t.takeAll(func(_ Key, r Request) bool {
		return r.Responder == session && r.Subscription == subscription
	})
}

// TakeExpired closes the requests whose time is over at now, and returns them.
func (t *Table) TakeExpired(now int64) []Open {
	return t.takeAll(func(_ Key, r Request) bool { return r.Expires <= now })
}

func (t *Table) takeAll(match func(Key, Request) bool) (taken []Open) {
	for key, r := range t.open {
		if match(key, r) {
			delete(t.open, key)
			taken = append(taken, Open{key, r})
		}
	}
	return taken
}
