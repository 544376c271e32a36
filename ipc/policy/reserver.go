package policy

import "time"

const (
	// MaxVisitors is how many visitors a server has at once.
	MaxVisitors = 4
	// VisitTime is how long a visitor may stay.
	VisitTime = 5 * time.Second
)

// Reserver is a Policy that reserves places beside the server's MaxConnections, so that
// nobody can lock some peers out by taking all others. Its methods are called under the
// same terms as Admit, for peers that Admit has let pass.
type Reserver interface {
	Policy
	// Reserved names the place that is reserved for the peer; "" means that none is. Each
	// name is one place, and a second peer of that name takes it from the first. The policy
	// bounds the number of names.
	Reserved(p *Peer) (place string)
	// Visit is asked when all ordinary places are taken. It returns what the peer may
	// do for the VisitTime that it may stay, as one of MaxVisitors, or an error where
	// it gets no place at all. What the grant denies is refused as frame.ErrLimit,
	// because the peer may well be allowed it as an ordinary client. When all visitors'
	// places are taken as well, the oldest visitor gives way: the oldest of the process that
	// has most of them, where one has more than the others.
	Visit(p *Peer) (Grant, error)
}
