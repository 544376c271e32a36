package connector

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
)

// TestNoExecShowsAnothersProgram has a process run programs one after the other, each of
// which /proc is read for at any later time and for any length of time. What counts as read
// is the exec's own program, from the first byte that was read to the last.
func TestNoExecShowsAnothersProgram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type exec struct{ visible, reported, begun, ended int64 }
		var (
			execs  []exec
			now    int64
			span   = rapid.Int64Range(1, 3*lag)
			hidden = rapid.Bool().Draw(t, "the stack is hidden")
			zombie = rapid.Bool().Draw(t, "its entry waits for the parent")
		)
		for range rapid.IntRange(1, 6).Draw(t, "execs") {
			visible := now + span.Draw(t, "runs for")
			now = visible + rapid.Int64Range(0, lag-1).Draw(t, "is reported after")
			execs = append(execs, exec{visible: visible, reported: now})
		}
		end := now + span.Draw(t, "the last one runs for")
		read := int64(0) // readings come one after the other
		for i := range execs {
			x := &execs[i]
			x.begun = max(read, x.reported) + rapid.Int64Range(0, 2*lag).Draw(t, "is read after")
			x.ended = x.begun + rapid.Int64Range(0, 2*lag).Draw(t, "is read for")
			read = x.ended
		}
		runs := func(at int64) int { // which program is to be seen in /proc then, -1 for none
			if at >= end {
				return -1
			}
			i := slices.IndexFunc(execs, func(x exec) bool { return x.visible > at })
			if i < 0 {
				i = len(execs)
			}
			return i - 1
		}
		known := rapid.Int64Range(0, read+3*lag).Draw(t, "known")
		l := NewLookahead(nil)
		for _, x := range execs {
			if x.reported > known {
				break
			}
			h := &held{Report: report.Report{Kind: report.Exec, PID: 1, TimeNs: x.reported}, begun: x.begun, ended: x.ended, ok: zombie || runs(x.ended) >= 0}
			if !hidden { // 0 of one that has ended
				h.read.Stack = uint64(runs(x.ended) + 1)
			}
			if before := l.last[1]; before != nil {
				before.next = h
			}
			l.last[1], l.held = h, append(l.held, h)
		}
		i := 0
		l.Release(known, func(r *report.Report) {
			begun, ended := runs(execs[i].begun), runs(execs[i].ended)
			// Of one that has ended there is nothing to be shown, or the end of what it ran.
			own := begun == i && ended == i || ended < 0 && (begun == i || begun < 0)
			if r.Seen != nil && !own {
				t.Errorf("exec %d of %+v shows program %d to %d", i, execs, runs(execs[i].begun), runs(execs[i].ended))
			}
			i++
		})
	})
}

func TestWhichExecsAreKnown(t *testing.T) {
	const ms = int64(1e6)
	at := func(reported, begun, ended int64, stack uint64) *held {
		return &held{
			Report: report.Report{Kind: report.Exec, PID: 1, TimeNs: reported * ms},
			read:   proc.Observation{Stack: stack}, ok: stack != gone, begun: begun * ms, ended: ended * ms,
		}
	}
	tests := []struct {
		name  string
		known int64
		execs []*held
		want  []bool
	}{
		{"one", 100, []*held{at(1, 1, 2, 7)}, []bool{true}},
		{"one, and what came behind it is not known", 3, []*held{at(1, 1, 2, 7)}, nil},
		{"one that ended before it was read", 100, []*held{at(1, 1, 2, gone)}, []bool{false}},
		{"two, far from each other", 100, []*held{at(1, 1, 2, 7), at(50, 50, 51, 8)}, []bool{true, true}},
		{"two, the first one read in time, as the stacks show", 100, []*held{at(1, 1, 2, 7), at(3, 3, 4, 8)}, []bool{true, true}},
		{"two, and both times the second one was read", 100, []*held{at(1, 1, 2, 8), at(3, 3, 4, 8)}, []bool{false, true}},
		{"two, of which the second one is not decided", 8, []*held{at(1, 1, 2, 7), at(3, 3, 4, 8)}, nil},
		{"two, and the second one ended before it was read", 100, []*held{at(1, 1, 2, 7), at(3, 3, 4, gone)}, []bool{false, false}},
		{"two, and the second one had ended when it was read, and waited for its parent", 100, []*held{at(1, 1, 2, 8), at(3, 3, 4, 0)}, []bool{false, true}},
		{"two without stacks", 100, []*held{at(1, 1, 2, 0), at(3, 3, 4, 0)}, []bool{false, true}},
		{"three, one after the other, each read in time", 100, []*held{at(1, 1, 2, 7), at(13, 13, 14, 8), at(25, 25, 26, 9)}, []bool{true, true, true}},
		{"three at once", 100, []*held{at(1, 4, 5, 9), at(2, 5, 6, 9), at(3, 6, 7, 9)}, []bool{false, false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLookahead(nil)
			for i, h := range tt.execs {
				if i > 0 {
					tt.execs[i-1].next = h
				}
				l.held = append(l.held, h)
			}
			var got []bool
			l.Release(tt.known*ms, func(r *report.Report) { got = append(got, r.Seen != nil) })
			if !slices.Equal(got, tt.want) {
				t.Errorf("known are %v, want %v", got, tt.want)
			}
			l.Flush(func(*report.Report) { got = append(got, false) })
			if len(got) != len(tt.execs) {
				t.Errorf("%d reports came out of %d", len(got), len(tt.execs))
			}
		})
	}
}

// gone is the stack of a process that ended before it could be read.
const gone = math.MaxUint64
