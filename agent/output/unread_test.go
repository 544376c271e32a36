package output_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/output"
)

// TestAnOutputSkipsNothingWhereTheJournalCannotBeReadAtItsStart: what is raised meanwhile is
// sent, health has that older alerts wait, and when the journal can be read these follow,
// each once.
func TestAnOutputSkipsNothingWhereTheJournalCannotBeReadAtItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r, other := fresh("a"), newReceiver(), newReceiver()
		j.Raise(3, alert.Low) // before the start, and not sent
		j.Hide()
		small := spec("a", r)
		small.Batch = 2
		m, stop := start(t, j, nil, small, spec("new", other))
		synctest.Wait()
		j.Raise(2, alert.Low)
		if diff := cmp.Diff([]string{"alert 4", "alert 5"}, r.waitFor(t, 2)); diff != "" {
			t.Errorf("while it is unread (-want +got):\n%s", diff)
		}
		for _, name := range []string{"a", "new"} {
			if h := status(t, m, name).Health; h.State != control.Degraded || !strings.Contains(h.Reason, output.ErrUnread.Error()) || !strings.Contains(h.Reason, "wait") {
				t.Errorf("%s: %+v", name, h)
			}
		}
		time.Sleep(time.Hour) // of the clock of the bubble
		if at := j.Kept("a"); at != 0 {
			t.Errorf("the cursor on the disk is %d", at)
		}
		j.Show()
		j.Raise(1, alert.Low)
		want := []string{"alert 4", "alert 5", "alert 1", "alert 2", "alert 3", "alert 6"}
		if diff := cmp.Diff(want, r.waitFor(t, len(want))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"alert 4", "alert 5", "alert 6"}, other.waitFor(t, 3)); diff != "" {
			t.Errorf("of a new one (-want +got):\n%s", diff)
		}
		synctest.Wait()
		for _, name := range []string{"a", "new"} {
			if s := status(t, m, name); s.Health.State != control.Healthy || s.Lag != 0 {
				t.Errorf("%s at the end: %+v", name, s)
			}
		}
		stop()
		if at := j.Kept("a"); at != 6 {
			t.Errorf("the cursor at the end is %d", at)
		}
	})
}

// TestAnOutputThatIsUnreadAndDownLosesNothing: what its receiver did not take meanwhile comes
// in its order, behind what was there before.
func TestAnOutputThatIsUnreadAndDownLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, r := fresh("a"), newReceiver()
		j.Raise(2, alert.Low)
		j.Hide()
		taken := 0
		r.set(func(items []output.Item) (int, error) {
			if taken == 1 {
				return 0, errDown
			}
			taken++
			return 1, errDown
		})
		_, stop := start(t, j, nil, spec("a", r))
		synctest.Wait()
		j.Raise(3, alert.Low)
		time.Sleep(time.Minute)
		j.Show()
		time.Sleep(time.Minute)
		r.set(nil)
		time.Sleep(10 * time.Minute)
		// It was in the middle of a batch when the journal came back.
		want := []string{"alert 3", "alert 4", "alert 5", "alert 1", "alert 2"}
		if diff := cmp.Diff(want, r.titles()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		stop()
		if at := j.Kept("a"); at != 5 {
			t.Errorf("the cursor at the end is %d", at)
		}
	})
}
