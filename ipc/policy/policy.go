package policy

import (
	"fmt"
	"os"

	"github.com/daemoneye/eventbus/router/bus"
)

// Policy decides who may connect, and what they may do. Admit is called on the
// routing thread, once for each connection: it must not block, and not keep p.
type Policy interface {
	// Admit returns what the peer is granted, or an error that wraps
	// bus.ErrDenied with the reason.
	Admit(p *Peer) (Grant, error)
}

// EarlyPolicy is a Policy that can refuse a peer before its hello, so that the peer does
// not take the place of another client until its handshake times out. Refuse is called
// when the connection is accepted, under the same terms as Admit, which is called later
// for the peers that Refuse lets pass: p has no Name and no Role yet.
type EarlyPolicy interface {
	Policy
	Refuse(p *Peer) error
}

// Grant is what a peer may be and do.
type Grant struct {
	// Name and Role are its identity from now on: on what it publishes, in
	// filters and statistics.
	Name, Role string
	// Authorize decides on each topic; nil allows all but the broker's own.
	Authorize bus.Authorize
	// Rights are what Authorize grants, as far as it goes by patterns. The client
	// gets them when it connects. nil: it does not; where Authorize is nil, that it
	// may do everything.
	Rights *Rights
	// PublishRate bounds its messages a second; 0 is the server's default, and what is
	// beyond MaxRate counts as that.
	PublishRate int
}

// MaxRate is the highest bound on the messages of one connection in a second.
const MaxRate = 1_000_000_000

// SameUser admits processes of the server's own user, and root, to everything.
// It is the default policy: only these two can write to a socket of mode 0600 in a
// directory of mode 0700 anyway.
type SameUser struct{}

// Admit implements Policy.
func (u SameUser) Admit(p *Peer) (Grant, error) {
	return Grant{Name: p.Name, Role: p.Role}, u.Refuse(p)
}

// Refuse implements EarlyPolicy.
func (SameUser) Refuse(p *Peer) error {
	if p.UID != os.Geteuid() && p.UID != 0 {
		return fmt.Errorf("%w: uid %d, want uid %d or root", bus.ErrDenied, p.UID, os.Geteuid())
	}
	return nil
}
