package ebpf

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Latency is how long the reader leaves records in the ring while they flow: they are read
// in batches, and no program spends time on waking anybody.
const Latency = 10 * time.Millisecond

// missedInterval is the time between two looks at what the kernel left out, each of which
// is a system call for each program.
const missedInterval = time.Second

// Reader takes records out of the ring. It looks every few milliseconds while records
// flow, and is woken early when the ring is a quarter full. Once nothing came in that
// time it sleeps until the first record wakes it. A record that a program has made quiet
// neither counts as flow nor wakes it: it comes with the next one that does, or with Stir.
//
// One goroutine at a time.
type Reader struct {
	ring    *ring
	file    *os.File // the ring's, for the runtime to wait for: a call that blocks would hold a thread
	raw     syscall.RawConn
	control *control
	unmap   func()
	quarter uint64 // of the ring, in bytes
	flowing bool
	prompt  uint64 // records that are not quiet, when it was looked at last
	lost    uint64 // as far as Lost has returned

	programs *Programs
	missed   uint64    // runs that the kernel left out
	looked   time.Time // when that was looked at

	waiter sync.WaitGroup // for the goroutine of Ready
	stop   context.CancelFunc
	resume chan struct{}
}

// Reader makes the reader of the ring. There is one at most.
func (p *Programs) Reader() (_ *Reader, err error) {
	records := p.collection.Maps[ringMap]
	r := &Reader{programs: p, quarter: uint64(records.MaxEntries() / 4), stop: func() {}, resume: make(chan struct{}, 1)}
	if r.control, r.unmap, err = mapControl(p.collection.Maps[controlMap].FD()); err != nil {
		return nil, err
	}
	r.control.quarter.Store(r.quarter)
	if r.ring, err = mapRing(records.FD(), int(records.MaxEntries())); err != nil {
		r.unmap()
		return nil, err
	}
	fd, err := unix.FcntlInt(uintptr(records.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
		r.file = os.NewFile(uintptr(fd), "ring")
	}
	if err == nil {
		r.raw, err = r.file.SyscallConn()
	}
	if err != nil {
		r.Close()
		return nil, os.NewSyscallError("fcntl", err)
	}
	return r, nil
}

// Ready starts a goroutine that waits in the place of the caller, who so can wait for
// other things too. It sends nil when there is something to read, and then leaves the
// reader alone until Resume. An error is final. It is called once; the goroutine ends with
// ctx or with Close, which waits for it.
func (r *Reader) Ready(ctx context.Context) <-chan error {
	ctx, r.stop = context.WithCancel(ctx)
	ready := make(chan error)
	r.waiter.Go(func() { // awaited by Close
		for {
			err := r.Wait(ctx, time.Now().Add(time.Hour))
			select {
			case ready <- err:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			select {
			case <-r.resume:
			case <-ctx.Done():
				return
			}
		}
	})
	return ready
}

// Resume has the goroutine of Ready wait again. It is called once after each nil of Ready.
func (r *Reader) Resume() { r.resume <- struct{}{} }

// TakeRest calls take with what comes from ready, which is that of Ready, if anything was
// recorded before the call: what was recorded shows more than a look at the host, so it is
// taken first. It returns the error of take.
func TakeRest(ready <-chan error, take func(error) error) error {
	select {
	case err := <-ready:
		return take(err)
	case <-time.After(2 * Latency): // so there is nothing
		return nil
	}
}

// past is a deadline that is over: reading takes what is there and waits for nothing.
var past = time.Unix(1, 0)

// Wait returns when there is something to read, at until, or when ctx has ended. It may
// return without anything to read. An error is of the ring, and final.
func (r *Reader) Wait(ctx context.Context, until time.Time) error {
	stop := context.AfterFunc(ctx, func() { _ = r.file.SetReadDeadline(past) }) // it may be closed
	defer stop()
	if r.flowing {
		next := time.Now().Add(Latency)
		if until.Before(next) {
			next = until
		}
		err := r.sleep(ctx, r.quarter, next)
		some, prompt := r.ring.available() > 0, r.control.prompt.Load()
		r.flowing, r.prompt = some && prompt != r.prompt, prompt
		if err != nil || some || !next.Before(until) {
			return err
		}
	}
	err := r.sleep(ctx, 1, until)
	r.flowing = true
	return err
}

// NoRest has all records wake the reader, also those that a program makes quiet.
func (r *Reader) NoRest() { r.control.noRest.Store(1) }

// Stir has Wait return soon if there is something to read, whatever it waits for. Once in a
// while it does not, when Wait is only just called.
func (r *Reader) Stir() {
	if r.ring.available() > 0 {
		_ = r.file.SetReadDeadline(past) // an error is that it is closed
	}
}

// sleep waits until so many bytes are in the ring, until the time comes, or ctx ends.
func (r *Reader) sleep(ctx context.Context, bytes uint64, until time.Time) error {
	if err := r.file.SetReadDeadline(until); err != nil {
		return err
	}
	if ctx.Err() != nil { // its end may have been before the deadline of above
		return nil
	}
	// We store what we wait for and then look at the ring, the programs put a record into
	// the ring and then look at what we wait for: one of us sees what the other did.
	err := r.raw.Read(func(uintptr) bool {
		r.control.wakeAt.Store(bytes)
		return r.ring.available() >= bytes
	})
	r.control.wakeAt.Store(0)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Read gives each record that is in the ring to a function, in the order in which they
// came, but at most so many. A record is valid until the function returns.
func (r *Reader) Read(most int, do func(record []byte)) error {
	return r.ring.read(most, do)
}

// Lost returns how many records are missing since the last call, and since the programs
// were loaded: those that found the ring full, and, at most a second late, those that were
// not made because the program was running on that cpu already.
func (r *Reader) Lost() (now, total uint64) {
	if time.Since(r.looked) >= missedInterval {
		r.looked = time.Now()
		if times, err := r.programs.Times(); err == nil { // before Linux 5.12 it is not known
			r.missed = 0
			for _, t := range times {
				r.missed += t.Missed
			}
		}
	}
	total = r.control.lost.Load() + r.missed
	now, r.lost = total-r.lost, total
	return now, total
}

// Close lets go of the ring, after the goroutine of Ready has ended.
func (r *Reader) Close() {
	r.stop()
	r.waiter.Wait()
	if r.file != nil {
		r.file.Close()
	}
	r.ring.unmap()
	r.unmap()
}
