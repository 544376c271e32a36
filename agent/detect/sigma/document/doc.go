// Package document reads the nodes of YAML that a file of rules is made of, and notes
// what is wrong with them as problems that name file, line and rule.
//
// An alias of YAML leads to a node that is there, and is counted each time, so that
// what a document makes us do is bounded.
package document
