package frame

import "slices"

// Features that a client may list in its hello and a broker in its welcome;
// both may use those that both listed.
const (
	FeatureS2   = "s2"   // payloads may be s2 blocks
	FeatureZstd = "zstd" // payloads may be zstd frames
)

// compressions are the features that are compressions, and the flag of each.
var compressions = [...]struct {
	name string
	flag Flags
}{{FeatureS2, FlagS2}, {FeatureZstd, FlagZstd}}

// Compressions returns the flags of the compressions that are among features.
func Compressions(features []string) (flags Flags) {
	for _, c := range compressions {
		if slices.Contains(features, c.name) {
			flags |= c.flag
		}
	}
	return flags
}

// CompressionNames returns the features of the compressions in flags; the list may be
// empty and is not nil.
func CompressionNames(flags Flags) []string {
	names := make([]string, 0, len(compressions))
	for _, c := range compressions {
		if flags&c.flag != 0 {
			names = append(names, c.name)
		}
	}
	return names
}
