package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/bench/report"
)

func TestProgressSaysWhatIsDoneOfHowMany(t *testing.T) {
	var text strings.Builder
	now := time.Unix(1, 0)
	p := report.NewProgress(&text, 12, func() time.Time { return now })
	for _, step := range []struct {
		what  string
		after time.Duration
	}{
		{"first", 0},
		{"second, too soon for a line", time.Second},
		{"third", 19 * time.Second},
		{"fourth", 220 * time.Second},
	} {
		now = now.Add(step.after)
		p.Begin(step.what)
	}
	for range 7 {
		p.Begin("too soon")
	}
	p.Begin("last")
	p.Begin("one more than was planned")
	want := `#  1 of 12: first
#  3 of 12, about 2 min left: third
#  4 of 12, about 12 min left: fourth
# 12 of 12, about 22 s left: last
# 13 of 13: one more than was planned
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
