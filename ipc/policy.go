package ipc

import (
	"fmt"
	"os"
	"slices"

	"github.com/daemoneye/eventbus/router"
)

// Policy decides who may connect, and what they may do. Admit is called on the
// routing thread, once for each connection: it must not block, and not keep p.
type Policy interface {
	// Admit returns what the peer is granted, or an error that wraps
	// router.ErrDenied and says why not.
	Admit(p *Peer) (Grant, error)
}

// EarlyPolicy is a Policy that can refuse a peer before it says hello, so that it
// takes no connection of others until its handshake times out. Refuse is called
// when the connection is accepted, under the same terms as Admit, which is called
// later for those that it did not refuse: p has no Name and no Role yet.
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
	Authorize router.Authorize
	// PublishRate bounds its messages a second; 0 is the server's default.
	PublishRate int
}

// SameUser admits processes of the server's own user, and root, to everything.
// It is the default policy: whoever can write to a socket of mode 0600 in a
// directory of mode 0700 is one of the two anyway.
type SameUser struct{}

// Admit implements Policy.
func (u SameUser) Admit(p *Peer) (Grant, error) {
	return Grant{Name: p.Name, Role: p.Role}, u.Refuse(p)
}

// Refuse implements EarlyPolicy.
func (SameUser) Refuse(p *Peer) error {
	if p.UID != os.Geteuid() && p.UID != 0 {
		return fmt.Errorf("%w: uid %d, want uid %d or root", router.ErrDenied, p.UID, os.Geteuid())
	}
	return nil
}

// Rule grants something to the peers that it describes. All parts that are set
// must hold; within a list any entry will do.
type Rule struct {
	UIDs, GIDs []int
	// PIDs are living processes, for a server that has started its clients itself.
	PIDs []int
	// Executables are paths of programs, as /proc/<pid>/exe names them.
	Executables []string
	// Roles are those that the client claims in its hello. A role alone proves
	// nothing: combine it.
	Roles []string

	// Publish, Subscribe, Request and Respond are the patterns of topics that
	// are granted. A subscription must lie within one of Subscribe: what it matches
	// a part of what that matches.
	Publish, Subscribe, Request, Respond []string
	// PublishRate bounds messages a second; 0 is the server's default.
	PublishRate int
}

// Rules is a policy made of rules: a peer gets what all rules that describe it
// grant together, and is refused when none does.
type Rules struct{ rules []compiledRule }

type compiledRule struct {
	Rule
	patterns [4]router.Patterns // by router.Op
}

// NewRules checks the rules' patterns.
func NewRules(rules ...Rule) (*Rules, error) {
	rs := &Rules{}
	for i, r := range rules {
		c := compiledRule{Rule: r}
		for op, texts := range [...][]string{
			router.OpPublish: r.Publish, router.OpSubscribe: r.Subscribe, router.OpRequest: r.Request, router.OpRespond: r.Respond,
		} {
			ps, err := router.ParsePatterns(texts...)
			if err != nil {
				return nil, fmt.Errorf("ipc: policy: rule %d: %s: %w", i+1, router.Op(op), err)
			}
			c.patterns[op] = ps
		}
		rs.rules = append(rs.rules, c)
	}
	return rs, nil
}

// Admit implements Policy.
func (rs *Rules) Admit(p *Peer) (Grant, error) {
	var mine []*compiledRule
	rate := 0
	for i := range rs.rules {
		r := &rs.rules[i]
		if r.describes(p) {
			mine = append(mine, r)
			rate = max(rate, r.PublishRate)
		}
	}
	if len(mine) == 0 {
		return Grant{}, fmt.Errorf("%w: no rule for uid %d, pid %d, role %q", router.ErrDenied, p.UID, p.PID, p.Role)
	}
	return Grant{Name: p.Name, Role: p.Role, PublishRate: rate, Authorize: func(op router.Op, topic string) error {
		for _, r := range mine {
			if grants(r.patterns[op], topic) {
				return nil
			}
		}
		return fmt.Errorf("%w: role %q may not %s %q", router.ErrDenied, p.Role, op, topic)
	}}, nil
}

// Refuse implements EarlyPolicy: a peer goes at once that no rule describes,
// whatever role it would claim.
func (rs *Rules) Refuse(p *Peer) error {
	for i := range rs.rules {
		if rs.rules[i].describesUser(p) {
			return nil
		}
	}
	return fmt.Errorf("%w: no rule for uid %d, gid %d", router.ErrDenied, p.UID, p.GID)
}

// grants reports whether what is asked, a topic or a pattern, lies within one
// of the patterns.
func grants(ps router.Patterns, asked string) bool {
	for _, p := range ps {
		if p.Covers(asked) {
			return true
		}
	}
	return false
}

func (r *Rule) describesUser(p *Peer) bool {
	return (len(r.UIDs) == 0 || slices.Contains(r.UIDs, p.UID)) && (len(r.GIDs) == 0 || slices.Contains(r.GIDs, p.GID))
}

func (r *Rule) describes(p *Peer) bool {
	if !r.describesUser(p) ||
		len(r.PIDs) > 0 && !slices.Contains(r.PIDs, p.PID) ||
		len(r.Roles) > 0 && !slices.Contains(r.Roles, p.Role) {
		return false
	}
	if len(r.Executables) > 0 {
		exe, err := p.Executable()
		return err == nil && slices.Contains(r.Executables, exe)
	}
	return len(r.PIDs) == 0 || p.Alive() == nil
}
