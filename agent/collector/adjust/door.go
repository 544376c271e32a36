// Package adjust lets a collector take other settings while it observes, on the goroutine
// that observes.
package adjust

import "context"

// Door lets others act on what one goroutine owns, a T, between two steps of that goroutine.
// It is safe for concurrent use.
type Door[T any] struct{ calls chan func(T) }

// NewDoor makes a door that opens when the goroutine receives from Calls.
func NewDoor[T any]() Door[T] { return Door[T]{make(chan func(T))} }

// Calls returns what the owner has to call with its T as soon as it can. The owner ignores
// it only while it does not run.
func (d Door[T]) Calls() <-chan func(T) { return d.calls }

// Through has the owner call act, waits until it has, and returns the error of act. If ctx
// ends before the owner has begun, act is not called, and Through returns the error of ctx.
func (d Door[T]) Through(ctx context.Context, act func(T) error) error {
	done := make(chan error, 1)
	select {
	case d.calls <- func(owned T) { done <- act(owned) }:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
}
