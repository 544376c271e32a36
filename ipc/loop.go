package ipc

import (
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

const (
	readable = unix.EPOLLIN | unix.EPOLLRDHUP
	writable = unix.EPOLLOUT
)

const (
	dense    = 16 << 10             // bytes read in a turn, from which on it lingers
	lingers  = 20                   // looks before it sleeps
	lingered = 4 * time.Microsecond // a yield that takes longer has given the core away
)

// poller owns the epoll descriptor and the eventfd that wakes it.
type poller struct {
	epfd   int
	events [128]unix.EpollEvent
	yields yields

	mu     sync.Mutex // held while waking: nobody wakes a descriptor that is closed
	wakefd int        // guarded by mu; -1 when closed
}

func (p *poller) open() (err error) {
	if p.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if p.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(p.epfd)
		return os.NewSyscallError("eventfd", err)
	}
	return p.add(p.wakefd, unix.EPOLLIN)
}

func (p *poller) close() error {
	p.mu.Lock()
	unix.Close(p.wakefd)
	p.wakefd = -1
	p.mu.Unlock()
	return os.NewSyscallError("close", unix.Close(p.epfd))
}

// wake is called once for each sleep at most, so the lock costs little. Whoever
// calls it may come late, when the server is no more.
func (p *poller) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wakefd >= 0 {
		one := uint64(1)
		// It fails only when the counter is full: then a wake-up is pending anyway.
		unix.RawSyscall(unix.SYS_WRITE, uintptr(p.wakefd), uintptr(unsafe.Pointer(&one)), 8)
	}
}

func (p *poller) add(fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, fd, &ev))
}

func (p *poller) change(fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epfd, unix.EPOLL_CTL_MOD, fd, &ev))
}

// remove takes a descriptor out that was added. One that is closed goes by itself
// only if no other process has it, as one that is being forked does.
func (p *poller) remove(fd int) { unix.EpollCtl(p.epfd, unix.EPOLL_CTL_DEL, fd, nil) }

// wait returns how many events there are: at a glance, or after waiting, perhaps
// lingering first. Only the wait goes through the scheduler.
func (p *poller) wait(d time.Duration, linger bool) (int, error) {
	if d <= 0 {
		n, errno := rawEpollWait(p.epfd, p.events[:])
		switch errno {
		case 0:
			return n, nil
		case unix.EINTR:
			return 0, nil
		}
		return 0, os.NewSyscallError("epoll_pwait", errno)
	}
	if linger {
		if n := p.linger(); n > 0 {
			return n, nil
		}
	}
	p.yields.wait()
	ms := int((d + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.EpollWait(p.epfd, p.events[:], ms)
	if err == unix.EINTR {
		return 0, nil
	}
	return n, os.NewSyscallError("epoll_wait", err)
}

// linger looks for events for some ten microseconds more, and gives the core up
// between the looks. In a dense stream the next batch is about to come, and to
// sleep and be woken costs both sides more than that. When others want the core
// it ends at once: the thread would only stand in their way.
func (p *poller) linger() int {
	was := router.Now()
	for range lingers {
		unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		if n, errno := rawEpollWait(p.epfd, p.events[:]); n > 0 && errno == 0 {
			return n
		}
		now := router.Now()
		if now-was > int64(lingered) {
			break
		}
		was = now
	}
	return 0
}

// Wake implements router.Driver. It is the only method for other goroutines.
func (s *server) Wake() { s.poll.wake() }

// Pause implements router.Driver.
func (s *server) Pause(d time.Duration) { nap(d) }

// Poll implements router.Driver: one look at all sockets. From each that has
// something, one read is taken, and no more routed than a turn's work, so that
// none keeps the others waiting.
func (s *server) Poll(wait time.Duration) (worked bool, err error) {
	if len(s.doomed) > 0 {
		s.reap()
		worked, wait = true, 0
	}
	if len(s.paused) > 0 {
		wait = min(wait, s.resume())
	}
	if len(s.waiting) > 0 && s.goOn() {
		worked, wait = true, 0
	}
	if s.count > 0 || s.deaf {
		wait = min(wait, router.Tick)
	}
	n, err := s.poll.wait(wait, s.taken >= dense)
	if err != nil {
		return worked, opError("read", s.l.path, err)
	}
	if now := router.Now(); now-s.checked >= int64(router.Tick) {
		s.checked = now
		s.sweep(now)
		if s.deaf {
			s.listenAgain()
		}
	}
	if n > 0 {
		s.taken = 0
	}
	for i := range s.poll.events[:n] {
		ev := &s.poll.events[i]
		switch fd := int(ev.Fd); fd {
		case s.poll.wakefd:
			var b [8]byte
			unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b)), 8)
		case s.l.fd:
			s.accept()
		default:
			if c := s.connOf(fd); c != nil {
				s.event(c, ev.Events)
			}
		}
	}
	s.b.EndBatch()
	if len(s.doomed) > 0 {
		s.reap()
	}
	return worked || n > 0, nil
}

// connOf returns the connection that an event is for, if there is one.
func (s *server) connOf(fd int) *conn {
	if fd < 0 || fd >= len(s.conns) {
		return nil
	}
	return s.conns[fd]
}

func (s *server) event(c *conn, events uint32) {
	if events&writable != 0 {
		c.blocked = false
		s.flush(c)
		s.watch(c)
	}
	gone := events&(unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch {
	case c.closing:
		if gone {
			s.doom(c, nil)
		}
	case c.waits: // what it has sent is routed before more is read
		c.gone = c.gone || gone
	case c.unread() && !gone:
	case events&(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 || gone:
		s.read(c) // a client that is gone is read to its end, whatever its rate
	}
}

// watch tells epoll what c waits for.
func (s *server) watch(c *conn) {
	var want uint32
	if !c.unread() {
		want = readable
	}
	if c.blocked {
		want |= writable
	}
	if want == c.watched {
		return
	}
	c.watched = want
	if err := s.poll.change(c.fd, want); err != nil {
		s.doom(c, err)
	}
}

// Finish implements router.Driver: no more connections, and what is queued is
// written out as long as clients take it. Whatever it does not look at any more
// is taken out of epoll, which would report it again and again.
func (s *server) Finish() {
	bye := appendGoodbye(nil, frame.CodeShutdown, "the broker is shutting down")
	deadline := time.Now().Add(s.o.DrainTimeout)
	s.poll.remove(s.l.fd)
	s.poll.remove(s.poll.wakefd)
	for _, c := range s.conns {
		if c != nil {
			c.closing = true
			c.farewell = bye
			s.watch(c)
			s.flush(c)
		}
	}
	s.reap()
	for time.Now().Before(deadline) && s.unwritten() {
		n, err := s.poll.wait(min(time.Until(deadline), 50*time.Millisecond), false)
		if err != nil {
			return
		}
		for i := range s.poll.events[:n] {
			c := s.connOf(int(s.poll.events[i].Fd))
			if c == nil {
				continue
			}
			if s.poll.events[i].Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
				s.doom(c, nil)
				continue
			}
			c.blocked = false
			s.flush(c)
			s.watch(c)
		}
		s.reap()
	}
}

// unwritten reports whether a connection still has something to write.
func (s *server) unwritten() bool {
	for _, c := range s.conns {
		if c != nil && c.blocked {
			return true
		}
	}
	return false
}

func lockThread() (unlock func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
