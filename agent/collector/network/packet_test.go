package network

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/daemoneye/eventbus/agent/collector/clock"
)

func TestPacketsThatMakeNoSense(t *testing.T) {
	good := make([]byte, packetHead+12)
	good[0], good[1], good[2] = packetOut, 4, 12
	if _, ok := parsePacket(good, clock.Ahead{}); !ok {
		t.Fatal("a good one is refused")
	}
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"cut short":        good[:len(good)-1],
		"no way":           append([]byte{0, 4, 12}, good[3:]...),
		"no message there": append([]byte{packetOut, 4, 99}, good[3:]...),
	} {
		if _, ok := parsePacket(b, clock.Ahead{}); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

// FuzzDNS holds that whatever a packet has gives no panic, and that answers end as events want
// them.
func FuzzDNS(f *testing.F) {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET},
	}, Answers: []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Class: dnsmessage.ClassINET}, Body: &dnsmessage.TXTResource{TXT: []string{"a\x00b", "c"}}}}}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	id, response, q, ok := parseDNS(b)
	if id != 7 || !response || !ok || q.Name != "." || q.Type != "TXT" || q.Answers != "a?bc\x00" {
		f.Fatalf("%d %v %+v %v", id, response, q, ok)
	}
	f.Add(b)
	f.Add(b[:20])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, q, ok := parseDNS(b)
		if ok && (q.Name == "" || q.Answers != "" && q.Answers[len(q.Answers)-1] != 0) {
			t.Errorf("%+v", q)
		}
	})
}
