package server

import (
	"errors"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

const (
	readable = unix.EPOLLIN | unix.EPOLLRDHUP
	writable = unix.EPOLLOUT
)

const (
	lingerBytes = 16 << 10             // the loop lingers behind a turn that read so much
	lingerLooks = 20                   // how often it looks for events before it sleeps
	lingerYield = 4 * time.Microsecond // a yield that takes longer has given the core to another thread
)

// poller owns the epoll descriptor and the eventfd that wakes it.
type poller struct {
	epfd   int
	events [128]unix.EpollEvent
	yields unixsock.Yields

	mu     sync.Mutex // held while waking, so that no descriptor is woken that is closed
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
	if err = p.add(p.wakefd, unix.EPOLLIN); err != nil {
		return errors.Join(err, p.close())
	}
	return nil
}

func (p *poller) close() error {
	p.mu.Lock()
	unix.Close(p.wakefd)
	p.wakefd = -1
	p.mu.Unlock()
	return os.NewSyscallError("close", unix.Close(p.epfd))
}

// wake is called once for each sleep at most, so the lock costs little. A publisher
// may call it late, when the server has closed.
func (p *poller) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wakefd >= 0 {
		one := uint64(1)
		// The write fails only when the counter is full: then a wake-up is pending anyway.
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

// remove takes a descriptor out of epoll. A descriptor that is closed leaves by
// itself only if no other process has it, as one that is being forked does.
func (p *poller) remove(fd int) { unix.EpollCtl(p.epfd, unix.EPOLL_CTL_DEL, fd, nil) }

// wait returns how many events there are. With a d of 0 or less it does not wait;
// otherwise it may linger before it does. Only the wait goes through the scheduler.
func (p *poller) wait(d time.Duration, linger bool) (int, error) {
	if d <= 0 {
		n, errno := unixsock.RawEpollWait(p.epfd, p.events[:])
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
	p.yields.Wait()
	ms := int((d + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.EpollWait(p.epfd, p.events[:], ms)
	if err == unix.EINTR {
		return 0, nil
	}
	return n, os.NewSyscallError("epoll_wait", err)
}

// linger looks for events for some ten microseconds more, and gives the core up
// between the looks. In a dense stream the next batch is about to come, and to sleep
// and be woken costs both sides more than that. When other threads want the core it
// ends at once, because it would only keep them from it.
func (p *poller) linger() int {
	last := frame.Now()
	for range lingerLooks {
		unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		if n, errno := unixsock.RawEpollWait(p.epfd, p.events[:]); n > 0 && errno == 0 {
			return n
		}
		now := frame.Now()
		if now-last > int64(lingerYield) {
			break
		}
		last = now
	}
	return 0
}
