// Package expr has what a rule asks of an event: boolean operators over atoms, where each
// atom looks at one field in one way, and what they mean.
//
//	And Or Not Ref ─► Atom{Field, Test} ─► Pattern, Number, networks, expressions
//	expr.go                                pattern.go fold.go number.go
//
// [Holds] evaluates an expression on any [Event]. It is simple and slow: it is the
// meaning that a fast engine is compared with. [Explain] is the same with the answer of
// each part. This package knows no file format.
package expr
