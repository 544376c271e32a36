package bus

// Overflow is a policy: it decides what happens when a queue is full.
type Overflow string

// The overflow policies. None of them ever makes a publisher wait.
const (
	// DropOldest keeps the newest messages. The default.
	DropOldest Overflow = "drop-oldest"
	// DropNewest keeps the oldest messages.
	DropNewest Overflow = "drop-newest"
	// Conflate keeps the last message of each topic; the queue's capacity
	// counts topics.
	Conflate Overflow = "conflate"
	// Disconnect ends the subscriber's connection, with the reason.
	Disconnect Overflow = "disconnect"
)

// Known reports whether o is one of the policies.
func (o Overflow) Known() bool {
	switch o {
	case DropOldest, DropNewest, Conflate, Disconnect:
		return true
	}
	return false
}
