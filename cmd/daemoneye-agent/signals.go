package main

import (
	"context"
	"os"
	"os/signal"
	"time"
)

// sameInterrupt is how long after the first one a further signal counts as the same. A
// shell and a process group may both deliver one Ctrl-C, and a service manager may send
// SIGINT and SIGTERM together, some milliseconds apart. A person who presses Ctrl-C again
// because nothing seems to happen takes longer.
const sameInterrupt = 500 * time.Millisecond

// interruptible returns a context that ends with the first of the signals. For a while
// further ones do nothing. Then fatal is closed, and the next one ends the process at
// once, as it does in a program that does not handle signals.
func interruptible(while time.Duration, signals ...os.Signal) (ctx context.Context, fatal <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	reset := make(chan struct{})
	first := make(chan os.Signal, 1)
	signal.Notify(first, signals...)
	go func() { // ends with the process
		<-first
		cancel()
		time.AfterFunc(while, func() {
			signal.Reset(signals...)
			close(reset)
		})
	}()
	return ctx, reset
}
