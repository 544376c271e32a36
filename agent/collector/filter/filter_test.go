package filter_test

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

func process(exe string, uid uint32, unit string) *actor.Process {
	return &actor.Process{UID: uid, Image: proc.Image{Executable: exe}, Cgroup: proc.Cgroup{Unit: unit}}
}

func TestWhatAFilterLeavesOut(t *testing.T) {
	curl, job, backup := process("/usr/bin/curl", 1000, "ssh.service"), process("/opt/jobs/x/run", 33, "cron.service"), process("/usr/bin/rsync", 0, "backup-2.timer")
	kernel := &actor.Process{Flags: event.KernelThread}
	inherited := process("/usr/bin/curl", 1000, "")
	inherited.Flags = event.ExecutableUnread | event.ImageInherited
	tests := []struct {
		name string
		o    filter.Who
		want string // of curl, job, backup, the kernel's thread and the one that is not known
	}{
		{"nothing", filter.Who{}, "+++++"},
		{"empty entries", filter.Who{IncludeExecutables: []string{""}, ExcludeUsers: []string{""}}, "+++++"},
		{"one program", filter.Who{ExcludeExecutables: []string{"/usr/bin/curl"}}, "-++++"},
		{"all below a folder", filter.Who{ExcludeExecutables: []string{"/opt/jobs"}}, "+-+++"},
		{"a name is not a folder", filter.Who{ExcludeExecutables: []string{"/usr/bin/cur", "/opt/jobs/x/run/deeper"}}, "+++++"},
		{"wildcards of one segment", filter.Who{ExcludeExecutables: []string{"/opt/*/x", "/usr/*"}}, "---++"},
		{"everything", filter.Who{ExcludeExecutables: []string{"/"}}, "----+"},
		{"these programs alone", filter.Who{IncludeExecutables: []string{"/usr/bin"}}, "+-+-+"},
		{"an exclusion in an inclusion", filter.Who{IncludeExecutables: []string{"/usr/bin"}, ExcludeExecutables: []string{"/usr/bin/rsync"}}, "+---+"},
		{"users", filter.Who{ExcludeUsers: []string{"0", "33"}}, "+--" + "-+"},
		{"a range of users", filter.Who{IncludeUsers: []string{"1000-60000"}}, "+---+"},
		{"units", filter.Who{ExcludeUnits: []string{"cron.service", "backup-*"}}, "+--++"},
		{"both kinds have to want it", filter.Who{IncludeUsers: []string{"0-999"}, IncludeUnits: []string{"*.service"}}, "-+---"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := filter.New(tt.o)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time by memory
				got, out := "", uint64(0)
				before := f.Filtered()
				for _, p := range []*actor.Process{curl, job, backup, kernel, inherited} {
					if f.Passes(p) {
						got += "+"
					} else {
						got += "-"
						out++
					}
				}
				if got != tt.want || f.Filtered()-before != out {
					t.Errorf("%s, want %s; %d were counted", got, tt.want, f.Filtered()-before)
				}
			}
			if !f.Passes(nil) {
				t.Error("an event that nobody caused is left out")
			}
		})
	}
}

func TestWhatIsNoFilter(t *testing.T) {
	for _, o := range []filter.Who{
		{IncludeExecutables: []string{"curl"}}, {ExcludeExecutables: []string{"/usr/"}}, {ExcludeExecutables: []string{"/[a"}},
		{IncludeUsers: []string{"root"}}, {ExcludeUsers: []string{"9-1"}}, {ExcludeUsers: []string{"4294967296"}}, {ExcludeUsers: []string{"-1"}},
		{ExcludeUnits: []string{"[x"}},
	} {
		if _, err := filter.New(o); err == nil {
			t.Errorf("%+v is a filter", o)
		}
	}
}

// TestMoreValuesThanAreRemembered are all judged all the same.
func TestMoreValuesThanAreRemembered(t *testing.T) {
	f, err := filter.New(filter.Who{ExcludeExecutables: []string{"/a"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		if f.Passes(process(fmt.Sprintf("/a/%d", i), 0, "")) || !f.Passes(process(fmt.Sprintf("/b/%d", i), 0, "")) {
			t.Fatal("program ", i)
		}
	}
}
