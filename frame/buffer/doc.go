// Package buffer is memory with a count of its owners: what a socket was read into,
// shared by the queues of all subscribers that something in it is for, and used again
// when the last of them is done. It knows nothing of frames.
//
// # Guarantees
//
//   - A buffer returns to its pool exactly once, with its last reference; one release
//     too many panics (TestMisusePanics, TestConcurrentReleaseIsExactlyOnce).
//   - Pool.Live is the capacity of all buffers that are handed out, exactly: memory
//     that an owner puts in the place of a buffer's own panics at the release.
//   - In steady state Get and Release allocate nothing up to 4 MiB
//     (TestGetAndReleaseAllocateNothing).
//
// What is back in the pool is not in Live: Go's garbage collector takes it in two
// cycles.
package buffer
