package sigma

// The bounds of what a file may hold. Each is far above what the public rules
// need, which is named beside it.
const (
	MaxFile       = 1 << 20 // bytes of a file; the largest public one has 47 KB
	maxNodes      = 100_000 // nodes of YAML that a document may lead to; 1,200
	maxSelections = 1_000   // of a rule; 30
	maxAtoms      = 50_000  // of a rule, when its values are expanded; 1,100
	maxVariants   = 3_125   // that one value may expand to; five dashes under windash
	maxDepth      = 64      // of parentheses in a condition; 3
	maxCondition  = 16_384  // bytes of a condition; 700
	maxProgram    = 20_000  // instructions of a regular expression; 400
)
