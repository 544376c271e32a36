package processes

import (
	"fmt"
	"strings"
	"testing"
)

func TestATreeHasWhatIsAboveAndBelow(t *testing.T) {
	all := []process{
		{pid: 1}, {pid: 2}, {pid: 10, ppid: 1}, {pid: 20, ppid: 10}, {pid: 21, ppid: 10}, {pid: 30, ppid: 20}, {pid: 40, ppid: 1}, {pid: 50, ppid: 999},
		{pid: 60, ppid: 61}, {pid: 61, ppid: 60}, // a ring, which only pids that were used again can make
	}
	for pid, want := range map[int]string{
		20: "1:0 10:1 20:2 30:3",
		10: "1:0 10:1 20:2 30:3 21:2",
		1:  "1:0 10:1 20:2 30:3 21:2 40:1",
		50: "50:0",
		60: "61:0 60:1",
		7:  "none",
		0:  "1:0 10:1 20:2 30:3 21:2 40:1 2:0 50:0",
	} {
		found, depth, ok := tree(all, pid)
		var got []string
		for i := range found {
			got = append(got, fmt.Sprintf("%d:%d", found[i].pid, depth[i]))
		}
		if !ok {
			got = []string{"none"}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("tree of %d: %s, want %s", pid, s, want)
		}
	}
}
