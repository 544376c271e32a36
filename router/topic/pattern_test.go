package topic_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/topic"
)

func TestPatternsFollowTheTruthTable(t *testing.T) {
	f, err := os.Open("testdata/patterns.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := 0
	for n, in := 1, bufio.NewScanner(f); in.Scan(); n++ {
		line := in.Text()
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		col := strings.Fields(line)
		if len(col) != 3 {
			t.Fatalf("patterns.txt:%d: %d columns, want 3", n, len(col))
		}
		for i := range col {
			if col[i] == `""` {
				col[i] = ""
			}
		}
		pattern, topic, want := col[0], col[1], col[2]
		if got := verdict(t, pattern, topic, want); got != want {
			t.Errorf("patterns.txt:%d: pattern %q, topic %q: %s, want %s", n, pattern, topic, got, want)
		}
		rows++
	}
	if rows < 100 {
		t.Errorf("%d rows read: the table is cut", rows)
	}
}

// verdict computes the verdict of a row, in the words in which it is expected.
func verdict(t *testing.T, pattern, topic, want string) string {
	switch want {
	case "topic-error", "reserved":
		switch err := endpoint.CheckPublishTopic(topic); frame.CodeOf(err) {
		case frame.CodeTopic:
			return "topic-error"
		case frame.CodeReserved:
			return "reserved"
		}
		return "valid"
	case "match", "no-match", "pattern-error":
		return tryPattern("", pattern, topic, true)
	case "literal-match", "literal-no-match":
		return tryPattern("literal-", pattern, topic, false)
	case "literal-error":
		if _, err := router.ParsePattern(pattern, true); err != nil {
			return "no pattern at all"
		}
		return strings.Replace(tryPattern("literal-", pattern, topic, false), "pattern-", "", 1)
	}
	t.Fatalf("verdict %q is not known", want)
	return ""
}

func tryPattern(prefix, pattern, topic string, wildcards bool) string {
	p, err := router.ParsePattern(pattern, wildcards)
	switch {
	case frame.CodeOf(err) == frame.CodePattern:
		return prefix + "pattern-error"
	case err != nil:
		return err.Error()
	case frame.CheckTopic(topic) != nil:
		return "topic-error"
	case p.Match(topic):
		return prefix + "match"
	}
	return prefix + "no-match"
}

// naive is the definition of matching, written without regard to speed.
func naive(pattern, topic []string) bool {
	switch {
	case len(pattern) == 1 && pattern[0] == "#":
		return true
	case len(pattern) == 1 && pattern[0] == "*":
		return len(topic) >= 1
	case len(pattern) == 0 || len(topic) == 0:
		return len(pattern) == len(topic)
	case pattern[0] == "+" || pattern[0] == "*" || pattern[0] == topic[0]:
		return naive(pattern[1:], topic[1:])
	}
	return false
}

// genSegments draws topics and patterns from few different segments, so that they often
// match. If there are wildcards, # comes last only.
func genSegments(t *rapid.T, label string, wildcards bool) []string {
	words := []string{"a", "b", "ab"}
	if wildcards {
		words = append(words, "+", "*")
	}
	segments := rapid.SliceOfN(rapid.SampledFrom(words), 1, frame.MaxSegments).Draw(t, label)
	if wildcards && rapid.Bool().Draw(t, label+" ends in #") {
		segments[len(segments)-1] = "#"
	}
	return segments
}

func genPattern(t *rapid.T, label string) router.Pattern {
	p, err := router.ParsePattern(strings.Join(genSegments(t, label, true), "."), true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPatternMatchesAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern, topic := genSegments(t, "pattern", true), genSegments(t, "topic", false)
		p, err := router.ParsePattern(strings.Join(pattern, "."), true)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.Match(strings.Join(topic, ".")), naive(pattern, topic); got != want {
			t.Errorf("%v on %v: %v, want %v", pattern, topic, got, want)
		}
	})
}

func TestAPatternMatchesAllThatItCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := genPattern(t, "p"), genPattern(t, "q")
		topic := strings.Join(genSegments(t, "topic", false), ".")
		if p.Covers(q.String()) && q.Match(topic) && !p.Match(topic) {
			t.Errorf("%s covers %s, but does not match %s", p, q, topic)
		}
	})
}

// Topics of the segments a, b and c, where c is in neither pattern, are enough to find any
// topic that two patterns have in common. Topics of up to four segments more than the
// patterns have are enough for any tail.
func TestPatternsOverlapIfBothMatchATopic(t *testing.T) {
	var topics []string
	for front := []string{""}; len(topics) < 3+9+27+81; {
		var next []string
		for _, f := range front {
			for _, s := range []string{"a", "b", "c"} {
				next = append(next, strings.TrimPrefix(f+"."+s, "."))
			}
		}
		topics, front = append(topics, next...), next
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) router.Pattern {
			segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "+", "*"}), 1, 3).Draw(t, label)
			if rapid.Bool().Draw(t, label+" ends in #") {
				segments[len(segments)-1] = "#"
			}
			p, err := router.ParsePattern(strings.Join(segments, "."), true)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p, q := draw("p"), draw("q")
		want := false
		for _, topic := range topics {
			want = want || p.Match(topic) && q.Match(topic)
		}
		if got := p.Overlaps(topic.Patterns{q}); got != want {
			t.Errorf("%s and %s: %v, want %v", p, q, got, want)
		}
	})
}
