// Package evict finds the queue that a broker evicts from when memory is short.
package evict
