package filter_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/event"
)

// source is one that notes its calls.
type source struct {
	begun  []uint64
	left   uint64
	broken error
	during func() // is called by Begin
}

func (s *source) Begin(number uint64) error {
	if s.during != nil {
		s.during()
	}
	if s.broken == nil {
		s.begun = append(s.begun, number)
	}
	return s.broken
}

func (s *source) Filtered() (uint64, error) { return s.left, s.broken }

func mustFilter(t *testing.T, o filter.Who) *filter.Filter {
	t.Helper()
	f, err := filter.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOtherSettingsBeginAtTheSource before they do here, and not at all where it refuses.
func TestOtherSettingsBeginAtTheSource(t *testing.T) {
	curl := process("/usr/bin/curl", 1000, "")
	excluded := filter.Who{ExcludeExecutables: []string{"/usr/bin/curl"}}
	f, s := mustFilter(t, excluded), new(source)
	if err := f.Attach(s); err != nil {
		t.Fatal(err)
	}
	first := f.Verdict(curl).Number
	s.during = func() {
		if got := f.Verdict(curl); !got.Executable || got.Number != first {
			t.Errorf("%+v while the source begins", got)
		}
	}
	if err := f.Adopt(mustFilter(t, filter.Who{})); err != nil {
		t.Fatal(err)
	}
	if !f.Passes(curl) {
		t.Error("the settings before are in force")
	}
	s.during, s.broken = nil, errors.New("broken")
	if err := f.Adopt(mustFilter(t, excluded)); !errors.Is(err, s.broken) || !f.Passes(curl) {
		t.Errorf("error %v of a source that refuses", err)
	}
	s.broken = nil
	if err := f.Adopt(mustFilter(t, excluded)); err != nil || f.Passes(curl) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]uint64{first, first + 1, f.Verdict(curl).Number}, s.begun); diff != "" {
		t.Errorf("(-want +begun):\n%s", diff)
	}
}

// TestWhatASourceLeavesOutIsCounted, also when it cannot be read any more.
func TestWhatASourceLeavesOutIsCounted(t *testing.T) {
	f, s := mustFilter(t, filter.Who{}), &source{left: 3}
	want := func(n uint64) {
		t.Helper()
		if got := f.Filtered(); got != n {
			t.Errorf("%d were left out, want %d", got, n)
		}
	}
	f.Leave()
	want(1)
	if err := f.Attach(s); err != nil {
		t.Fatal(err)
	}
	want(4)
	s.broken = errors.New("broken")
	want(4)
	f.Detach()
	f.Detach()
	want(4)
	s.broken = nil
	if err := f.Attach(s); err != nil {
		t.Fatal(err)
	}
	want(7)
}

func TestVerdicts(t *testing.T) {
	f := mustFilter(t, filter.Who{ExcludeExecutables: []string{"/usr/*"}, IncludeUsers: []string{"1000-2000"}, ExcludeUnits: []string{"c*"}})
	unread := process("/usr/bin/x", 7, "cron.service")
	unread.Flags = event.ExecutableUnread | event.UserUnread | event.CgroupUnread
	for _, tt := range []struct {
		name string
		p    *actor.Process
		want filter.Verdict
	}{
		{"wanted", process("/bin/x", 1500, "a.service"), filter.Verdict{}},
		{"each kind", process("/usr/x", 7, "cron.service"), filter.Verdict{Executable: true, User: true, Unit: true}},
		{"one of them", process("/bin/x", 2001, "a.service"), filter.Verdict{User: true}},
		{"unread", unread, filter.Verdict{}},
	} {
		got := f.Verdict(tt.p)
		got.Number = 0
		if got != tt.want || f.Passes(tt.p) != (tt.want == filter.Verdict{}) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
