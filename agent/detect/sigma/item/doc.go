// Package item reads one line of a selection: a field, modifiers and values. It returns
// the expression that they ask for.
//
//	F|windash|contains|all: [a, b]  ─►  values ─► modifiers, from left to right ─► expr
//	                                    value.go  modifier.go variants.go regex.go
package item
