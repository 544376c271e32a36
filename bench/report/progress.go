package report

import (
	"fmt"
	"io"
	"time"
)

// Progress writes how much of a long job is done, as lines that benchstat passes over.
// One goroutine at a time may use it.
type Progress struct {
	w       io.Writer
	now     func() time.Time
	total   int
	done    int
	started time.Time
	written time.Time // when the latest line was
}

// between is the least time between two lines.
const between = 2 * time.Second

// NewProgress returns the progress of a job of so many steps. The clock is that of the
// caller; nil is time.Now.
func NewProgress(w io.Writer, total int, now func() time.Time) *Progress {
	if now == nil {
		now = time.Now
	}
	return &Progress{w: w, now: now, total: total}
}

// Begin notes that a step begins, and what it is. It writes a line for the first step
// and for the last, and at most one in two seconds between them.
func (p *Progress) Begin(what string) {
	now := p.now()
	if p.started.IsZero() {
		p.started = now
	}
	p.done++
	if p.done > 1 && p.done < p.total && now.Sub(p.written) < between {
		return
	}
	p.written = now
	left := ""
	if passed := now.Sub(p.started); p.done > 1 && p.done <= p.total {
		left = fmt.Sprintf(", %s left", about(passed/time.Duration(p.done-1)*time.Duration(p.total-p.done+1)))
	}
	// Progress that nobody can see is no reason to stop.
	_, _ = fmt.Fprintf(p.w, "# %*d of %d%s: %s\n", len(fmt.Sprint(p.total)), p.done, max(p.total, p.done), left, what)
}

// about rounds a time to what one wants to know of it.
func about(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("about %d s", int(d.Round(time.Second).Seconds()))
	}
	return fmt.Sprintf("about %d min", int(d.Round(time.Minute).Minutes()))
}
