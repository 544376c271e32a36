package ipc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

// places is a policy that goes by what peers claim: a role "part" has the place of the
// peer's name, and an "operator" may visit and ask for control.status.
type places struct{ policy.SameUser }

func (places) Reserved(p *policy.Peer) string {
	if p.Role == "part" {
		return p.Name
	}
	return ""
}

func (places) Visit(p *policy.Peer) (policy.Grant, error) {
	if p.Role != "operator" {
		return policy.Grant{}, fmt.Errorf("%w: only operators may visit", router.ErrDenied)
	}
	return policy.Rights{Request: []string{"control.status"}}.Grant(p.Name, p.Role)
}

// TestAFullHouseHasReservedPlaces holds that ordinary clients can take all ordinary places, and
// none of those that policy reserves for its own parts and for operators.
func TestAFullHouseHasReservedPlaces(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{MaxConnections: 3, Policy: places{}})
	greet := func(name, role string) *peer {
		t.Helper()
		p := s.knock(t)
		p.send(hello(frame.Hello{Name: name, Role: role, Version: 1}))
		return p
	}
	for i := range 3 {
		s.dial(t, ipc.ClientOptions{Name: fmt.Sprint("ordinary ", i)})
	}
	_, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: s.path})
	if !errors.Is(err, frame.ErrLimit) || !strings.Contains(err.Error(), "max_connections is 3") {
		t.Errorf("one client too many: %v", err)
	}

	// A part of the server's own gets in, however often it comes; of its connections
	// the last one stays.
	first := greet("collector", "part")
	first.expect(frame.TypeWelcome)
	other := s.dial(t, ipc.ClientOptions{Name: "other", Role: "part"})
	second := s.dial(t, ipc.ClientOptions{Name: "collector", Role: "part"})
	first.expectEnd(frame.CodeLimit)
	for _, c := range []*ipc.Client{other, second} {
		subscribe(t, c, router.Subscription{Patterns: []string{"#"}})
	}

	// Operators get in, and may do little. The oldest gives way.
	oldest := greet("operator", "operator")
	oldest.expect(frame.TypeWelcome)
	var visitor *ipc.Client
	for range policy.MaxVisitors {
		visitor = s.dial(t, ipc.ClientOptions{Name: "operator", Role: "operator", NoReconnect: true})
	}
	oldest.expectEnd(frame.CodeLimit)
	if _, err := visitor.Request(t.Context(), "control.status", nil); !errors.Is(err, router.ErrNoResponder) {
		t.Errorf("a visitor asks for what it may: %v", err)
	}
	if _, err := visitor.Subscribe(t.Context(), router.Subscription{Patterns: []string{"#"}}); !errors.Is(err, frame.ErrLimit) || !strings.Contains(err.Error(), "may not subscribe") {
		t.Errorf("a visitor subscribes: %v", err)
	}
	if _, err := visitor.Request(t.Context(), "control.other", nil); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("a visitor asks for something else: %v", err)
	}
	if st := s.stats(t); len(st.Clients) != 3+2+policy.MaxVisitors {
		t.Errorf("%d clients are connected", len(st.Clients))
	}
}

// TestAPlaceIsGivenBack holds that each kind of place is free again when its connection
// ends.
func TestAPlaceIsGivenBack(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{MaxConnections: 1, Policy: places{}})
	for range 3 {
		c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: s.path})
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range []string{"part", "operator", "operator"} {
			v, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: s.path, Role: role})
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		s.await(t, "all have gone", func(st *router.Stats) bool { return len(st.Clients) == 0 })
	}
}
