package policy

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/router/bus"
)

// Rule grants something to the peers that it describes. All parts that are set must
// hold; of a list one entry must.
type Rule struct {
	UIDs, GIDs []int
	// PIDs are living processes, for a server that starts its clients itself.
	PIDs []int
	// Executables are paths of programs, as /proc/<pid>/exe names them. A program whose
	// file was deleted or replaced while it ran counts as the one that it was, see
	// Peer.Executable.
	Executables []string
	// Roles are those that a client claims in its hello. A role alone proves nothing:
	// combine it with another part.
	Roles []string

	// Rights are what is granted.
	Rights Rights
	// PublishRate bounds messages a second; 0 is the server's default, and the most is
	// MaxRate.
	PublishRate int
}

// Rules is a policy made of rules: a peer gets what all rules that describe it
// grant together, and is refused when none does.
type Rules struct{ rules []compiledRule }

type compiledRule struct {
	Rule
	rights *compiled
}

// NewRules checks the rules' patterns.
func NewRules(rules ...Rule) (*Rules, error) {
	rs := &Rules{}
	for i, r := range rules {
		c, err := r.Rights.compile()
		if err == nil && (r.PublishRate < 0 || r.PublishRate > MaxRate) {
			err = fmt.Errorf("PublishRate is %d, want 0 to %d", r.PublishRate, MaxRate)
		}
		if err != nil {
			return nil, fmt.Errorf("ipc: policy: rule %d: %w", i+1, err)
		}
		rs.rules = append(rs.rules, compiledRule{r, c})
	}
	return rs, nil
}

// Admit implements Policy.
func (rs *Rules) Admit(p *Peer) (Grant, error) {
	var mine []*compiled
	rights := new(Rights)
	rate := 0
	for i := range rs.rules {
		r := &rs.rules[i]
		if r.describes(p) {
			mine = append(mine, r.rights)
			rights.add(&r.Rights)
			rate = max(rate, r.PublishRate)
		}
	}
	if len(mine) == 0 {
		return Grant{}, fmt.Errorf("%w: no rule for uid %d, pid %d, role %q", bus.ErrDenied, p.UID, p.PID, p.Role)
	}
	return Grant{
		Name: p.Name, Role: p.Role, PublishRate: rate, Rights: rights, Authorize: authorize(fmt.Sprintf("role %q", p.Role), mine...),
	}, nil
}

// Refuse implements EarlyPolicy: it refuses a peer that no rule describes, whatever role
// the peer would claim.
func (rs *Rules) Refuse(p *Peer) error {
	for i := range rs.rules {
		if rs.rules[i].describesUser(p) {
			return nil
		}
	}
	return fmt.Errorf("%w: no rule for uid %d, gid %d", bus.ErrDenied, p.UID, p.GID)
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
