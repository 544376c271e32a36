package policy_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/bus"
)

func rules(t *testing.T, rs ...policy.Rule) *policy.Rules {
	t.Helper()
	p, err := policy.NewRules(rs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSameUser(t *testing.T) {
	me := os.Geteuid()
	for uid, want := range map[int]bool{me: true, 0: true, me + 1: false, 65534: me == 65534} {
		grant, err := policy.SameUser{}.Admit(&policy.Peer{UID: uid, Name: "n", Role: "r"})
		if (err == nil) != want || err != nil && !errors.Is(err, bus.ErrDenied) {
			t.Errorf("uid %d: %v", uid, err)
		}
		if err == nil && (grant.Name != "n" || grant.Role != "r" || grant.Authorize != nil) {
			t.Errorf("uid %d: %+v", uid, grant)
		}
	}
}

func TestRulesDescribePeers(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	me := policy.Peer{PID: os.Getpid(), UID: 1000, GID: 100, Role: "collector"}
	for _, tc := range []struct {
		name string
		rule policy.Rule
		want bool
	}{
		{"everybody", policy.Rule{}, true},
		{"uid", policy.Rule{UIDs: []int{1, 1000}}, true},
		{"another uid", policy.Rule{UIDs: []int{0}}, false},
		{"gid", policy.Rule{GIDs: []int{100}}, true},
		{"another gid", policy.Rule{GIDs: []int{1000}}, false},
		{"pid", policy.Rule{PIDs: []int{me.PID}}, true},
		{"another pid", policy.Rule{PIDs: []int{me.PID + 1}}, false},
		{"executable", policy.Rule{Executables: []string{"/bin/false", exe}}, true},
		{"another executable", policy.Rule{Executables: []string{"/bin/false"}}, false},
		{"role", policy.Rule{Roles: []string{"collector"}}, true},
		{"another role", policy.Rule{Roles: []string{"agent"}}, false},
		{"all of them", policy.Rule{UIDs: []int{1000}, GIDs: []int{100}, PIDs: []int{me.PID}, Executables: []string{exe}, Roles: []string{"collector"}}, true},
		{"all but the role", policy.Rule{UIDs: []int{1000}, GIDs: []int{100}, PIDs: []int{me.PID}, Executables: []string{exe}, Roles: []string{"agent"}}, false},
	} {
		_, err := rules(t, tc.rule).Admit(&me)
		if (err == nil) != tc.want || err != nil && !errors.Is(err, bus.ErrDenied) {
			t.Errorf("%s: %v, want admitted %t", tc.name, err, tc.want)
		}
	}
}

func TestRulesAddUp(t *testing.T) {
	grant, err := rules(t,
		policy.Rule{Rights: policy.Rights{Publish: []string{"events.a.#"}, Subscribe: []string{"events.+"}}, PublishRate: 10},
		policy.Rule{Roles: []string{"boss"}, Rights: policy.Rights{Publish: []string{"control.#"}, Request: []string{"control.x"}}, PublishRate: 20},
		policy.Rule{Roles: []string{"other"}, Rights: policy.Rights{Publish: []string{"#"}}, PublishRate: 30},
	).Admit(&policy.Peer{Role: "boss"})
	if err != nil || grant.PublishRate != 20 {
		t.Fatalf("%+v, %v", grant, err)
	}
	for _, tc := range []struct {
		op    bus.Op
		topic string
		want  bool
	}{
		{bus.OpPublish, "events.a", true},
		{bus.OpPublish, "events.a.b", true},
		{bus.OpPublish, "events.b", false},
		{bus.OpPublish, "control.y", true},
		{bus.OpSubscribe, "events.a", true},
		{bus.OpSubscribe, "events.+", true},
		{bus.OpSubscribe, "events.#", false},
		{bus.OpSubscribe, "#", false},
		{bus.OpRequest, "control.x", true},
		{bus.OpRequest, "control.y", false},
		{bus.OpRespond, "control.x", false},
	} {
		err := grant.Authorize(tc.op, tc.topic)
		if (err == nil) != tc.want || err != nil && !errors.Is(err, bus.ErrDenied) {
			t.Errorf("%s %s: %v, want granted %t", tc.op, tc.topic, err, tc.want)
		}
	}
}

func TestBadRule(t *testing.T) {
	_, err := policy.NewRules(policy.Rule{}, policy.Rule{Rights: policy.Rights{Respond: []string{"a.#.b"}}})
	if !errors.Is(err, bus.ErrPattern) || !strings.Contains(err.Error(), "rule 2: respond") {
		t.Error(err)
	}
	for _, rate := range []int{-1, policy.MaxRate + 1} {
		if _, err := policy.NewRules(policy.Rule{PublishRate: rate}); err == nil || !strings.Contains(err.Error(), "want 0 to 1000000000") {
			t.Errorf("a rate of %d: %v", rate, err)
		}
	}
}
