// Package condition reads the condition of a rule: a boolean expression over the names of
// its selections.
package condition
