package sigma

// The bounds of what a file may hold. Each is far above what the public rules need,
// which is named beside it. The packages that read documents, items and conditions have
// bounds of their own.
const (
	MaxFile       = 1 << 20  // bytes of a file; the largest public one has 47 KB
	maxSelections = 1_000    // of a rule; 30
	maxAtoms      = 50_000   // of a rule, when its values are expanded; 1,100
	maxExpanded   = 32 << 20 // bytes, about, that the values of all rules take; 1,393 rules for Linux and Windows 4 MB
	maxTags       = 100      // of a rule; 22
	maxTag        = 128      // bytes of a tag; 27
)
