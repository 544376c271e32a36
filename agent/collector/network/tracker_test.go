package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// fixture is a tracker of sockets that a test makes up, and its events, a line each.
type fixture struct {
	*tracker
	t       *testing.T
	sockets map[uint64]socket
	err     error // of the next list
	asked   int   // for one that listens
	events  []string
	last    event.Header
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	r, err := proc.NewReader("/proc")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, sockets: make(map[uint64]socket)}
	f.tracker = &tracker{
		lister: f, owners: &owners{t.TempDir(), r}, finder: actor.NewFinder(r),
		emitter: newEmitter(f.take, host.Host{}.Complete(), new(uint64)), table: make(map[uint64]*conn), ports: make(map[port][]*conn), gone: make(map[uint64]uint64),
	}
	return f
}

func (f *fixture) list(of protocols, see func(*socket)) error {
	for _, s := range f.sockets {
		if slices.Contains(of, s.protocol) {
			see(&s)
		}
	}
	return f.err
}

func (f *fixture) listening(local netip.AddrPort) (socket, bool, error) {
	f.asked++
	for _, s := range f.sockets {
		if s.state == stateListen && s.local == local {
			return s, true, nil
		}
	}
	return socket{}, false, f.err
}

// short is a connection that comes and goes between two looks.
func (f *fixture) short(cookie uint64, local, remote uint16, of traffic) {
	f.t.Helper()
	s := socket{protocol: unix.IPPROTO_TCP, state: stateClose, cookie: cookie, local: address4(local), remote: address4(remote), traffic: of}
	if err := f.ended(&s); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) take(m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		f.t.Error(err)
		return
	}
	f.last = v.Header()
	if g, ok := event.Copy[event.Loss](v); ok {
		f.events = append(f.events, "gap "+g.Body.Reason)
		return
	}
	e, _ := event.Copy[event.Connection](v)
	line := fmt.Sprintf("%v %s %d > %d", e.Operation, e.Body.Transport, e.Body.Source.Port, e.Body.Destination.Port)
	for _, flag := range []event.Flags{event.Inferred, event.TimeApproximate} {
		if e.Flags.Has(flag) {
			line += " " + strings.Join(slices.Collect(flag.Names()), "")
		}
	}
	f.events = append(f.events, line)
}

// set makes a socket be there.
func (f *fixture) set(cookie uint64, state uint8, local, remote uint16) socket {
	s := socket{protocol: unix.IPPROTO_TCP, state: state, cookie: cookie, local: address4(local), remote: address4(remote)}
	if state == stateClose {
		s.protocol = unix.IPPROTO_UDP
	}
	f.sockets[cookie] = s
	return s
}

func (f *fixture) mustLook() {
	f.t.Helper()
	if err := f.look(everything, event.TimeApproximate); err != nil {
		f.t.Fatal(err)
	}
}

func TestTracker(t *testing.T) {
	tests := []struct {
		name  string
		story func(f *fixture)
		want  []string
	}{
		{"a connection to a port that is listened on was opened by the other side, whatever the order", func(f *fixture) {
			f.mustLook()
			f.set(1, stateEstablished, 80, 4711)
			f.mustLook()
			f.set(2, stateListen, 443, 0)
			f.set(3, stateEstablished, 443, 4712)
			f.mustLook()
		}, []string{"connect tcp 80 > 4711 time_approximate", "listen tcp 0 > 443 time_approximate", "accept tcp 4712 > 443 time_approximate"}},
		{"an end by the kernel's message", func(f *fixture) {
			f.mustLook()
			s := f.set(1, stateEstablished, 4711, 80)
			f.mustLook()
			delete(f.sockets, 1)
			s.state = stateClose
			f.ended(&s)
			f.mustLook()
			f.mustLook()
		}, []string{"connect tcp 4711 > 80 time_approximate", "close tcp 4711 > 80"}},
		{"an end of which no message came", func(f *fixture) {
			f.mustLook()
			f.set(1, stateEstablished, 4711, 80)
			f.mustLook()
			delete(f.sockets, 1)
			f.mustLook()
			f.mustLook()
			f.mustLook()
		}, []string{"connect tcp 4711 > 80 time_approximate", "close tcp 4711 > 80 inferred time_approximate"}},
		{"an end whose message comes after two looks", func(f *fixture) {
			f.mustLook()
			s := f.set(1, stateEstablished, 4711, 80)
			f.mustLook()
			delete(f.sockets, 1)
			f.mustLook()
			f.mustLook()
			s.state = stateClose
			f.ended(&s)
		}, []string{"connect tcp 4711 > 80 time_approximate", "close tcp 4711 > 80 inferred time_approximate"}},
		{"a socket that one look passes over is not gone", func(f *fixture) {
			f.mustLook()
			s := f.set(1, stateEstablished, 4711, 80)
			f.mustLook()
			for range 3 {
				delete(f.sockets, 1)
				f.mustLook()
				f.sockets[1] = s
				f.mustLook()
			}
		}, []string{"connect tcp 4711 > 80 time_approximate"}},
		{"a list that changed ends nothing", func(f *fixture) {
			f.mustLook()
			f.set(1, stateEstablished, 4711, 80)
			f.mustLook()
			delete(f.sockets, 1)
			f.err = errChanged
			f.mustLook()
			f.mustLook()
			f.mustLook()
		}, []string{"connect tcp 4711 > 80 time_approximate"}},
		{"a connection that was shorter than the time between two looks", func(f *fixture) {
			f.mustLook()
			s := f.set(1, stateClose, 4711, 80)
			s.protocol = unix.IPPROTO_TCP
			delete(f.sockets, 1)
			f.ended(&s)
		}, []string{"connect tcp 4711 > 80 time_approximate", "close tcp 4711 > 80"}},
		{"a connection to a port that no look has found", func(f *fixture) {
			f.mustLook()
			f.set(1, stateListen, 80, 0)
			f.short(2, 80, 4711, traffic{})
			f.mustLook()
		}, []string{"listen tcp 0 > 80 time_approximate", "accept tcp 4711 > 80 time_approximate", "close tcp 4711 > 80"}},
		{"connections to two such ports at once: the second one is announced by the next look", func(f *fixture) {
			f.mustLook()
			f.set(1, stateListen, 80, 0)
			f.set(2, stateListen, 81, 0)
			f.short(3, 80, 4711, traffic{})
			f.short(4, 81, 4712, traffic{})
			f.short(5, 81, 4713, traffic{})
			f.mustLook()
		}, []string{
			"listen tcp 0 > 80 time_approximate", "accept tcp 4711 > 80 time_approximate", "close tcp 4711 > 80",
			"accept tcp 4712 > 81 time_approximate", "close tcp 4712 > 81", "accept tcp 4713 > 81 time_approximate", "close tcp 4713 > 81",
			"listen tcp 0 > 81 time_approximate",
		}},
		{"a connection that was refused was never there, and one that was not is", func(f *fixture) {
			f.mustLook()
			f.short(1, 4711, 80, traffic{known: true})
			f.short(2, 4712, 80, traffic{known: true, acked: 1})
		}, []string{"connect tcp 4712 > 80 time_approximate", "close tcp 4712 > 80"}},
		{"the end of a socket that was never connected", func(f *fixture) {
			f.mustLook()
			s := f.set(1, stateListen, 4711, 0)
			delete(f.sockets, 1)
			f.ended(&s)
			u := f.set(2, stateClose, 53, 0)
			delete(f.sockets, 2)
			f.ended(&u)
		}, nil},
		{"a socket of UDP that is there for a moment only", func(f *fixture) {
			f.mustLook()
			s := f.set(1, stateClose, 5353, 0)
			f.mustLook()
			delete(f.sockets, 1)
			f.ended(&s)
			f.set(2, stateClose, 53, 0)
			f.mustLook()
			f.mustLook()
		}, []string{"listen udp 0 > 53 time_approximate"}},
		{"what the kernel keeps of a connection of which one side is closed is no new one", func(f *fixture) {
			f.mustLook()
			s := f.set(1, stateEstablished, 4711, 80)
			f.mustLook()
			delete(f.sockets, 1)
			f.ended(&s)
			f.set(2, stateFinWait2, 4711, 80)
			f.mustLook()
		}, []string{"connect tcp 4711 > 80 time_approximate", "close tcp 4711 > 80"}},
		{"a port that two sockets listen on, until the last one goes", func(f *fixture) {
			f.mustLook()
			a := f.set(1, stateListen, 80, 0)
			f.set(2, stateListen, 80, 0)
			f.mustLook()
			delete(f.sockets, 1)
			f.ended(&a)
			f.set(3, stateEstablished, 80, 4711)
			f.mustLook()
		}, []string{"listen tcp 0 > 80 time_approximate", "listen tcp 0 > 80 time_approximate", "close tcp 0 > 80", "accept tcp 4711 > 80 time_approximate"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			tt.story(f)
			if diff := cmp.Diff(tt.want, f.events); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMoreSocketsThanAreKept: a gap reports it once, until there is room again.
func TestMoreSocketsThanAreKept(t *testing.T) {
	f := newFixture(t)
	for i := range maxSockets + 10 {
		f.set(uint64(i), stateEstablished, 1+uint16(i%60000), 80)
	}
	f.mustLook()
	f.mustLook()
	if len(f.table) != maxSockets {
		t.Errorf("%d sockets are kept, want %d", len(f.table), maxSockets)
	}
	gaps := 0
	for _, e := range f.events {
		if strings.HasPrefix(e, "gap ") {
			gaps++
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps, want 1", gaps)
	}
}

func TestAListThatFailsIsAnError(t *testing.T) {
	f := newFixture(t)
	f.err = unix.EPERM
	if err := f.look(everything, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("%v", err)
	}
}

// TestAConnectionIsLeftOutWithItsEnd, and counted.
func TestAConnectionIsLeftOutWithItsEnd(t *testing.T) {
	f := newFixture(t)
	var err error
	if f.emitter.filter, err = filter.New(filter.Who{ExcludeUsers: []string{"77"}}); err != nil {
		t.Fatal(err)
	}
	f.mustLook()
	for cookie, uid := range map[uint64]uint32{1: 77, 2: 78} {
		s := f.set(cookie, stateEstablished, 4000+uint16(cookie), 80)
		s.uid = uid
		f.sockets[cookie] = s
	}
	f.mustLook()
	clear(f.sockets)
	f.mustLook()
	f.mustLook()
	want := []string{"connect tcp 4002 > 80 time_approximate", "close tcp 4002 > 80 inferred time_approximate"}
	if diff := cmp.Diff(want, f.events); diff != "" || f.emitter.filter.Filtered() != 2 {
		t.Errorf("%d were counted (-want +got):\n%s", f.emitter.filter.Filtered(), diff)
	}
}

// TestThePortThatTheKernelIsAskedForIsAskedForOnce, and an error of asking is one of the source.
func TestThePortThatTheKernelIsAskedForIsAskedForOnce(t *testing.T) {
	f := newFixture(t)
	f.mustLook()
	f.set(1, stateListen, 80, 0)
	for i := range 3 {
		f.short(2+uint64(i), 80, 4711+uint16(i), traffic{})
	}
	if f.asked != 1 {
		t.Errorf("the kernel was asked %d times", f.asked)
	}
	f.err = unix.EPERM
	s := socket{protocol: unix.IPPROTO_TCP, cookie: 9, local: address4(4711), remote: address4(443)}
	if err := f.ended(&s); !errors.Is(err, unix.EPERM) {
		t.Errorf("error %v", err)
	}
}

// TestTheGoneAreForgotten, after as many looks as a message of their end may take.
func TestTheGoneAreForgotten(t *testing.T) {
	f := newFixture(t)
	f.mustLook()
	f.set(1, stateEstablished, 4711, 80)
	f.mustLook()
	clear(f.sockets)
	for range looksToMiss + looksToForget {
		f.mustLook()
	}
	if len(f.gone) != 1 {
		t.Errorf("%d are remembered, want 1", len(f.gone))
	}
	f.mustLook()
	if len(f.gone) != 0 {
		t.Errorf("%d are remembered", len(f.gone))
	}
}
