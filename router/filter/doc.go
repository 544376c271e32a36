// Package filter compiles the filters of a subscription and evaluates them for each
// message: capabilities, event filter and correlation filter. Evaluation does not
// allocate.
package filter
