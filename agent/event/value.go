package event

import (
	"maps"
	"slices"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Number is a number that may be missing, as it is in the zero Number. It cannot
// hold the largest uint64.
type Number uint64

// Known returns the Number that is n.
func Known(n uint64) Number { return Number(n + 1) }

// Get returns the number, and whether there is one.
func (n Number) Get() (uint64, bool) { return uint64(n) - 1, n != 0 }

// Pair is a text with a name: a label, or a field that no table has.
type Pair struct{ Name, Value string }

// Pairs returns m as pairs, in the order of their names.
func Pairs(m map[string]string) []Pair {
	all := make([]Pair, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, Pair{name, m[name]})
	}
	return all
}

// copyPairs returns the pairs with their text copied.
func copyPairs(b []byte) []Pair {
	var all []Pair
	wire.EachPair(b, func(name, value []byte) bool {
		all = append(all, Pair{string(name), string(value)})
		return true
	})
	return all
}
