package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatIsKnownIsWhatWasFound: whatever comes in which order, a text that is known has
// the atoms that were kept of it.
func TestWhatIsKnownIsWhatWasFound(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune("aAb\u00e4")), 0, 3, -1),
		rapid.Map(rapid.IntRange(0, 2*memoSets*memoWays), func(n int) string { return fmt.Sprintf("/usr/bin/%d", n) }),
		rapid.Map(rapid.IntRange(memoText-2, memoText+2), func(n int) string { return strings.Repeat("x", n) }),
	)
	hits := rapid.SliceOfN(rapid.Int32(), 0, memoHits+2)
	rapid.Check(t, func(t *rapid.T) {
		c := &memo{}
		kept := map[string][]int32{}
		for _, text := range rapid.SliceOfN(texts, 1, 100).Draw(t, "texts") {
			n, known := c.find([]byte(text))
			if known {
				if got := n.atom[:n.hits]; !slices.Equal(got, kept[text]) {
					t.Fatalf("%q has the atoms %v, want %v", text, got, kept[text])
				}
				continue
			}
			found := hits.Draw(t, "found")
			n.keep([]byte(text), found)
			if kept[text] = found; len(text) > memoText && n != nil {
				t.Fatalf("a text of %d bytes has a note", len(text))
			}
		}
	})
}

func TestATextThatCameIsKnown(t *testing.T) {
	c := &memo{}
	const some = 8
	known := 0
	for range 2 {
		for i := range some {
			text := []byte(fmt.Sprintf("/usr/bin/program-%d", i))
			n, ok := c.find(text)
			if ok {
				known++
				continue
			}
			n.keep(text, []int32{int32(i)})
		}
	}
	if known < some-2 { // some may have pushed each other out
		t.Errorf("of %d texts that came before %d are known", some, known)
	}
}

// TestTextsThatDoNotRepeatAreLeftAlone after a trial, until there is another one.
func TestTextsThatDoNotRepeatAreLeftAlone(t *testing.T) {
	c := &memo{}
	looked := 0
	for i := range memoTrial + memoRest + memoTrial {
		if c.awake() {
			looked++
			n, _ := c.find([]byte(fmt.Sprintf("make -C /src/%d", i)))
			n.keep([]byte(fmt.Sprintf("make -C /src/%d", i)), nil)
		}
	}
	if looked != 2*memoTrial {
		t.Errorf("%d looks, want those of two trials of %d", looked, memoTrial)
	}
	for i := 0; i < memoRest+memoTrial+10; i++ {
		if !c.awake() {
			continue
		}
		if n, known := c.find([]byte("make")); !known {
			n.keep([]byte("make"), nil)
		}
	}
	if !c.awake() {
		t.Error("texts that repeat are left alone")
	}
}
