// Package connector receives the reports of the kernel's process connector: it parses its
// messages, counts those that the kernel dropped, and finds out which program an exec is
// of, because a report does not have that.
package connector
