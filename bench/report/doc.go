// Package report writes measurements so that a person can read them: tables in
// markdown that are also readable as plain text, and plots as SVG.
//
// A [Document] is a list of sections, each with some words, tables and figures,
// under a heading with the machine and the commit.
// [Document.Write] puts it into a directory. The package knows nothing of what was
// measured.
package report
