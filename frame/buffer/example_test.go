package buffer_test

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame/buffer"
)

// A buffer goes back to its pool with the last of its references.
func ExamplePool() {
	pool := buffer.NewPool()
	b := pool.Get(64 << 10)
	b.B = append(b.B, "three messages"...)
	b.Retain(3)  // one reference for each message that was queued
	b.Release(1) // the reader's own
	b.Release(2) // two were delivered in one batch
	fmt.Println(pool.Live() > 0)
	b.Release(1)
	fmt.Println(pool.Live())
	// Output:
	// true
	// 0
}
