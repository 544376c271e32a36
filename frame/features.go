package frame

import "slices"

// Features are what a connection can do beyond the frames that every version has.
// A client lists its own in hello, the broker answers with those that both have,
// and each side uses only those.
type Features uint8

// The features.
const (
	FeatureS2      Features = 1 << iota // payloads may be s2 blocks
	FeatureCredit                       // the client reports with credit frames what it has taken
	FeatureConfirm                      // a publish with FlagConfirm is acknowledged
	FeatureSettle                       // a settle is answered, and so is a credit of the broker

	// AllFeatures are those that this package can write and read.
	AllFeatures Features = 1<<iota - 1
)

// features has the names that the wire has for them, in the order of their bits.
var features = [...]string{"s2", "credit", "confirm", "settle"}

// ParseFeatures returns the features among names; a name without a feature is of a
// later version, and is ignored.
func ParseFeatures(names []string) (set Features) {
	for i, name := range features {
		if slices.Contains(names, name) {
			set |= 1 << i
		}
	}
	return set
}

// Names returns the names of the features for hello or welcome; the list may be
// empty and is not nil.
func (set Features) Names() []string {
	names := make([]string, 0, len(features))
	for i, name := range features {
		if set&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Compressions returns the flags of the compressed payloads that a peer with these
// features takes.
func (set Features) Compressions() Flags {
	if set&FeatureS2 != 0 {
		return FlagS2
	}
	return 0
}
