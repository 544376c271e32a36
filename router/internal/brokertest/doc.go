// Package brokertest has what tests of a broker and of its clients share: they start a
// broker, use it, and check its statistics.
package brokertest
