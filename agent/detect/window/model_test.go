package window_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/detect/window"
)

// modelled is a match as the model keeps it: all of them, in a list that is gone through
// each time.
type modelled struct {
	at, member int
	user       string
	pid        int
}

// model returns whether a correlation holds of a window, by its definition.
func model(kind string, bound int, seen []modelled) bool {
	n, sum := 0, 0
	var pids []int
	for _, x := range seen {
		sum += x.pid
		pids = append(pids, x.pid)
	}
	slices.Sort(pids)
	switch kind {
	case "event_count":
		n = len(seen)
	case "value_count":
		n = len(slices.Compact(pids))
	case "temporal":
		all := map[int]bool{}
		for _, x := range seen {
			all[x.member] = true
		}
		n = len(all)
	case "temporal_ordered":
		for _, x := range seen {
			if x.member == n {
				n++
			}
		}
	case "value_sum":
		n = sum
	case "value_avg":
		return sum >= bound*len(seen)
	case "value_median":
		n = pids[(len(pids)+1)/2-1]
	}
	return n >= bound
}

// TestWindowsAreWhatTheModelHas holds the state that is kept up against one that is
// computed anew for each event.
func TestWindowsAreWhatTheModelHas(t *testing.T) {
	kinds := []string{"event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_median"}
	fired := 0
	rapid.Check(t, func(t *rapid.T) {
		kind, bound, span := rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.IntRange(1, 4).Draw(t, "bound"), rapid.IntRange(1, 8).Draw(t, "span")
		field := ""
		if strings.HasPrefix(kind, "value") {
			field = ", field: ProcessId"
		}
		s := load(three() + correlation(fmt.Sprintf("type: %s\nrules: [a, b, c]\ngroup-by: [User]\ntimespan: %ds\ncondition: {gte: %d%s}", kind, span, bound, field)))
		if len(s.Problems) > 0 {
			t.Fatal(s.Problems)
		}
		b := newBench(s, window.Options{})
		groups := map[string][]modelled{}
		at := 0
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			at = max(0, at+rapid.IntRange(-2, 3).Draw(t, "step"))
			x := modelled{at, rapid.IntRange(0, 2).Draw(t, "rule"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "user"), rapid.IntRange(1, 5).Draw(t, "pid")}
			all := append(groups[x.user], x)
			newest := slices.MaxFunc(all, func(a, b modelled) int { return a.at - b.at }).at
			if x.at < newest-span {
				all, newest = []modelled{x}, x.at
			}
			all = slices.DeleteFunc(all, func(y modelled) bool { return y.at < newest-span })
			slices.SortStableFunc(all, func(a, b modelled) int { return a.at - b.at })
			want := model(kind, bound, all)
			if groups[x.user] = all; want {
				groups[x.user] = nil
				fired++
			}
			got := b.observe(start(t, second(at), 0, map[string]string{"Image": string(rune('a' + x.member)), "User": x.user, "ProcessId": strconv.Itoa(x.pid)}))
			if (len(got) == 1) != want {
				t.Fatalf("%s, gte %d in %d s: fires %d times, want %v, window %v", kind, bound, span, len(got), want, all)
			}
			if want && got[0].Count != len(all) {
				t.Fatalf("counts %d, want %d", got[0].Count, len(all))
			}
		}
		if s := b.correlator.Stats(); s.Entries != len(groups["x"])+len(groups["y"]) {
			t.Fatalf("keeps %d matches, want %v", s.Entries, groups)
		}
	})
	if fired == 0 {
		t.Error("nothing fired")
	}
}
