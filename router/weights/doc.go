// Package weights finds the heaviest queue: the one that keeps most memory, from which a broker
// evicts when memory is short.
package weights
