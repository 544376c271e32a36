package bus

import (
	"context"
	"fmt"
	"strings"
)

// Window bounds what a WindowPublisher has published and the programs of the subscribers
// have not taken yet. The zero value means the defaults.
type Window struct {
	// Messages is 900 by default. Where the smallest queue of the subscriptions holds
	// less, that bounds the window. Several publishers of one topic share its queues: give
	// each a part.
	Messages int
	// Bytes of frames, 8 MiB by default. A message that is longer is published when
	// nothing else is on its way.
	Bytes int
}

// The defaults of Window.
const (
	DefaultWindowMessages = 900     // below the broker's default queue of 1,000
	DefaultWindowBytes    = 8 << 20 // a twelfth of the broker's default memory
)

// WindowPublisher publishes on one topic, and waits when a window of messages is on its
// way that the slowest of the subscribers has not taken. So no queue overflows, and what
// is lost all the same is an error.
//
// It follows all subscriptions of the topic but those that conflate. One that is stopped
// stops the publisher, until ctx ends or the subscription does. One that begins later is
// followed from the next report on, which comes each half of a window; if its queue is
// smaller than the window it may lose messages until then, and that is reported. What is
// published while there is no subscription reaches nobody, and is no loss.
//
// Taken is what a program has taken from its loop or handler; what it does with it later
// the bus does not know. A client that does not report what it takes, which those of this
// module do, has taken what was written to its socket.
//
// It costs a question and an answer each half of a window, from the publisher over the
// broker to each subscriber and back. On two busy cores a message of 128 bytes from one
// client to another took 540 ns, and 390 with a plain Publisher whose window was kept
// within the process (BenchmarkWindow of package ipc, medians of nine rounds in turn; in
// other runs it took up to 1.7 times as long).
// Publishers that do not use it pay nothing for a message.
//
// Safe for concurrent use.
type WindowPublisher interface {
	// Publish sends payload when there is room in the window. After a *LossError, which
	// reports what was lost before, payload was not published, and Publish may be called
	// again. ctx's error means the same. In a handler Publish must not wait for that
	// handler's own subscription; over a socket it returns ErrInHandler of package ipc
	// where it would have to wait at all.
	Publish(ctx context.Context, payload []byte) error
	// PublishMeta is Publish with an extension block.
	PublishMeta(ctx context.Context, payload, extension []byte) error
	// Flush returns when all that was published has been taken; it returns a *LossError
	// where something was lost.
	Flush(ctx context.Context) error
	// Subscriptions returns how many subscriptions were followed at the last report.
	Subscriptions() int
	// Close ends the publisher. It waits for nothing: call Flush before. It may be called
	// again.
	Close() error
}

// LossError is returned by a WindowPublisher when messages were lost, or may have been,
// since it last reported it.
type LossError struct {
	// Lost counts messages that the subscriptions have lost, of this publisher or of
	// others. Each subscription counts by itself.
	Lost uint64
	// Left counts subscriptions that ended before their program had taken all. What it had
	// not taken is among Lost.
	Left int
	// Unknown counts messages of this publisher of which nobody knows what became,
	// because the connection to the broker was lost; Err is why, if it is known.
	Unknown uint64
	Err     error
}

func (e *LossError) Error() string {
	var parts []string
	if e.Lost > 0 || e.Unknown == 0 {
		parts = append(parts, fmt.Sprintf("%d messages were lost", e.Lost))
	}
	if e.Left > 0 {
		parts = append(parts, fmt.Sprintf("%d subscriptions ended before they had taken all", e.Left))
	}
	if e.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("of %d messages it is not known whether they were taken", e.Unknown))
	}
	text := strings.Join(parts, ", ")
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *LossError) Unwrap() error { return e.Err }
