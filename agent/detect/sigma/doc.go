// Package sigma reads Sigma rules and defines what they mean.
//
// Sigma (specification 2.1.0) is the format in which detection rules for logs are
// shared. [Parse] reads a file of rules into a checked tree: names are resolved,
// modifiers applied, placeholders filled in, conditions parsed. What is left are
// boolean operators over atoms, and each atom looks at one field in one way.
// [Rule.Match] evaluates the tree on any [expr.Event]. It is simple and slow: it is the
// meaning that a fast engine is compared with.
//
//	text ─► YAML nodes ─► head, selections, condition ─► Rule{expr.Expr} ─► Match
//	        document      head.go, item,    condition    expr              expr.Holds
//
// The four packages below this one read a part each; this one has what a file holds, and
// what its documents have to do with each other.
//
// A [Set] is the content of several files, in which one document may refer to
// another: a [Filter] is an exception to rules that stands apart from them, so that
// nobody has to change a rule that somebody else maintains. A [Correlation] counts what
// rules match; package window evaluates it.
//
// # Problems
//
// A rule that is wrong gives a [document.Problem] that names file, line, rule and reason,
// and the nearest right spelling where a word is not known. The other rules, also
// those of the same file, are read. A [document.Problem] that is only a warning comes with
// a rule that is there.
//
// # Where the specification leaves a choice
//
// The file testdata/meaning.yml has each case as a row with events that match and
// events that do not. The choices that matter most:
//
//   - Text is compared by simple case folding of Unicode, as strings.EqualFold does.
//   - A field that the event does not have counts as null. A number and a text are
//     compared as text.
//   - A field of several values matches if one of them does. For "all" each value of
//     the rule may be found in another one.
//   - Regular expressions are those of package regexp: they take linear time, and
//     what does not (look-around, back-references) is a problem of the rule.
//   - A pattern for names in a condition that finds none is a problem, because the
//     rule would be never or always true.
//
// # Bounds
//
// What a file makes us do is bounded by the constants in limits.go. An alias of
// YAML leads to a node that is there, and is counted each time.
package sigma
