package network_test

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/event"
)

// resolver answers queries of DNS on port 53 until the test ends: a name of silent with
// nothing, one of nowhere with NXDOMAIN, others with a name and two addresses.
func resolver(t *testing.T) *net.UDPAddr {
	t.Helper()
	address := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 77), Port: 53}
	c, err := net.ListenUDP("udp", address)
	if err != nil {
		t.Skip(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with c
		for buf := make([]byte, 1500); ; {
			n, from, err := c.ReadFromUDP(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response = true
			name := m.Questions[0].Name
			head := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}
			switch {
			case strings.HasPrefix(name.String(), "silent"):
				continue
			case strings.HasPrefix(name.String(), "nowhere"):
				m.RCode = dnsmessage.RCodeNameError
			default:
				m.Answers = []dnsmessage.Resource{
					{Header: head, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("www.example.")}},
					{Header: head, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}}},
					{Header: head, Body: &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 0xd, 0xb8, 15: 7}}},
				}
			}
			if b, err := m.Pack(); err == nil {
				_, _ = c.WriteToUDP(b, from)
			}
		}
	})
	t.Cleanup(func() { c.Close(); serving.Wait() })
	return address
}

// query asks the resolver, and waits for the answer if there is to be one.
func query(t *testing.T, server *net.UDPAddr, name string, kind dnsmessage.Type) net.Addr {
	t.Helper()
	c, err := net.DialUDP("udp", nil, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 4711, RecursionDesired: true}, Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET},
	}}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(name, "silent") {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(make([]byte, 1500)); err != nil {
			t.Fatal(err)
		}
	}
	return c.LocalAddr()
}

// TestNamesThatAreLookedUp with each source: by whom, and what was answered.
func TestNamesThatAreLookedUp(t *testing.T) {
	onEachSource(t, func(t *testing.T, mode network.Mode) {
		r := start(t, mode, network.MaxInterval)
		if why, no := strings.CutPrefix(r.describe[strings.Index(r.describe, "; ")+2:], "no DNS: "); no {
			t.Skip(why)
		}
		server := resolver(t)
		for _, tt := range []struct {
			name string
			kind dnsmessage.Type
			want event.Query
		}{
			{"Found.example.", dnsmessage.TypeAAAA, event.Query{Name: "Found.example", Type: "AAAA", Status: "NOERROR", Answers: "www.example\x00192.0.2.7\x002001:db8::7\x00"}},
			{"nowhere.example.", 65, event.Query{Name: "nowhere.example", Type: "HTTPS", Status: "NXDOMAIN"}},
			{"silent.example.", dnsmessage.TypeA, event.Query{Name: "silent.example", Type: "A"}},
		} {
			from := query(t, server, tt.name, tt.kind)
			e := r.await(event.OpQuery, func(e event.Network) bool { return e.Body.Query.Name == tt.want.Name })
			if e.Body.Query != tt.want || !at(e.Body.Source, from) || !to(e, server) || e.Body.Transport != "udp" {
				t.Errorf("got %+v, want %+v", e.Body, tt.want)
			}
			r.ours(e)
			if n := len(r.find(event.OpQuery, func(e event.Network) bool { return e.Body.Query.Name == tt.want.Name })); n != 1 {
				t.Errorf("%s is there %d times", tt.name, n)
			}
		}
	})
}

// TestQueriesThatAreNotWanted are not seen, and the collector reports it.
func TestQueriesThatAreNotWanted(t *testing.T) {
	c, err := network.New(network.Options{DNS: network.DNSOff})
	if err != nil {
		t.Skip(err)
	}
	if got := c.Describe(); !strings.Contains(got, "; no DNS: as configured") {
		t.Errorf("it is described as %q", got)
	}
	r := run(t, c)
	server := resolver(t)
	query(t, server, "found.example.", dnsmessage.TypeA)
	// What happens after it is seen.
	l := listen(t, "tcp", "127.0.0.1:0")
	if os.Geteuid() != 0 {
		t.Skip("not root: a port would be found by a look only")
	}
	r.await(event.OpListen, func(e event.Network) bool { return to(e, l.Addr()) })
	if got := r.find(event.OpQuery, func(event.Network) bool { return true }); got != nil {
		t.Errorf("a query is there: %+v", got[0].Body)
	}
}
