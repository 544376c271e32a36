package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// TestAnAlertThatIsTooLargeKeepsNoOtherFromTheDisk: what a rule has is cut, and what is too
// large all the same is counted as dropped, because a line of the journal has a bound.
func TestAnAlertThatIsTooLargeKeepsNoOtherFromTheDisk(t *testing.T) {
	f := open(t, store.Options{Dir: filepath.Join(t.TempDir(), "data")})
	const much = 5 << 20
	large := typical(1)
	large.Rule = alert.Rule{ID: strings.Repeat("i", much), Title: strings.Repeat("ä", much), Description: strings.Repeat("\x01", much), Level: alert.High, Path: strings.Repeat("p", much)}
	for range 10_000 {
		large.Rule.References = append(large.Rule.References, strings.Repeat("r", 600))
		large.Rule.Tags, large.Rule.FalsePositives = large.Rule.References, large.Rule.References
	}
	keyed := typical(2)
	keyed.DedupKey = strings.Repeat("k", much)
	f.Submit(large)
	f.Submit(keyed)
	f.Submit(typical(3))
	all := f.raisedAlerts(2)
	if got := all[0].Alert; len(got.Rule.Title) > 512 || !strings.HasPrefix(got.Rule.Title, "ää") || len(got.Rule.References) == 0 || len(got.Rule.References) > 20 {
		t.Errorf("the large one has a title of %d bytes and %d references", len(got.Rule.Title), len(got.Rule.References))
	}
	if err := f.Store.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, store.Options{Dir: f.dir})
	kept, _, err := f.Query(store.Filter{})
	if err != nil || len(kept) != 2 || kept[0].Rule.Title != "rule 3" || kept[1].ID != all[0].Alert.ID {
		t.Errorf("%d alerts are on the disk, %v", len(kept), err)
	}
}
