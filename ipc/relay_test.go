package ipc_test

import (
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// relay passes a connection on to a server, until it hangs up.
type relay struct {
	t            testing.TB
	path, target string

	running sync.WaitGroup
	mu      sync.Mutex
	l       net.Listener
	conns   []net.Conn
}

func newRelay(t testing.TB, target string) *relay {
	t.Helper()
	r := &relay{t: t, path: filepath.Join(t.TempDir(), "relay.sock"), target: target}
	r.open()
	t.Cleanup(r.hangUp)
	return r
}

// open lets connections through.
func (r *relay) open() {
	r.t.Helper()
	l, err := net.Listen("unix", r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.l = l
	r.mu.Unlock()
	r.running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // hung up
			}
			far, err := net.Dial("unix", r.target)
			if err != nil {
				near.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, near, far)
			r.mu.Unlock()
			r.running.Go(func() { pass(near, far) })
			r.running.Go(func() { pass(far, near) })
		}
	})
}

func pass(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

// hangUp ends all connections and takes no more.
func (r *relay) hangUp() {
	r.mu.Lock()
	r.l.Close()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
	r.mu.Unlock()
	r.running.Wait()
}
