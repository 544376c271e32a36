package output

import (
	"context"
	"errors"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/router"
)

// ErrUnread is returned while a Source does not know yet what is in the journal, because
// the disk that has it cannot be read since the start.
var ErrUnread = errors.New("the journal of alerts could not be read since the start")

// Source is the journal of alerts. Safe for concurrent use.
type Source interface {
	// Records returns at most n records with a number above after, in order, and how many
	// lines above after are not there any more; not all of them were records.
	Records(after uint64, n int) (records []alert.Record, missed uint64, err error)
	// Last returns the number of the last record, 0 for none.
	Last() uint64
	// Wait returns when there is a record with a number above after.
	Wait(ctx context.Context, after uint64) error
	// Cursor returns the number of the last record that the output called name is done
	// with. An output that has no cursor yet begins behind the record that is last then.
	// With ErrUnread nobody knows; what is raised meanwhile is above after.
	Cursor(name string) (after uint64, err error)
	// SetCursor makes it durable, at once or soon. With ErrUnread it does nothing.
	SetCursor(name string, after uint64) error
}

// Bus is where other messages than alerts come from.
type Bus interface {
	Subscribe(ctx context.Context, s router.Subscription) (router.Subscriber, error)
}
