package network

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// The layout of the records of bpf/dns.c:
//
//	  0  u8 way, u8 version of IP, u16 size, u32 cut, u64 time, u64 cookie
//	 24  struct actor, as in record.go
//	 64  16 bytes source, 16 bytes destination, u16 source port, u16 destination port
//	104  size bytes of the packet
const (
	packetHead = 104

	packetOut = 1 // to port 53
	packetIn  = 2 // from port 53
)

// packet is a message of DNS on its way.
type packet struct {
	way                 uint8
	timeNs              int64
	cookie              uint64
	by                  caller
	source, destination netip.AddrPort
	text                []byte // borrowed
}

// parsePacket reads a record, and reports whether it is of the form above.
func parsePacket(b []byte, ahead clock.Ahead) (p packet, ok bool) {
	le, be := binary.LittleEndian, binary.BigEndian
	if len(b) < packetHead || len(b) != packetHead+int(le.Uint16(b[2:])) || b[0] != packetOut && b[0] != packetIn {
		return p, false
	}
	at := func(at, port int) netip.AddrPort {
		a := netip.AddrFrom16([16]byte(b[at : at+16]))
		if b[1] == 4 {
			a = netip.AddrFrom4([4]byte(b[at : at+4]))
		}
		return netip.AddrPortFrom(a.Unmap(), be.Uint16(b[port:]))
	}
	return packet{
		way: b[0], timeNs: int64(le.Uint64(b[8:])) + ahead.MonoNs, cookie: le.Uint64(b[16:]), by: parseCaller(b[24:], ahead),
		source: at(64, 96), destination: at(80, 98), text: b[packetHead:],
	}, true
}

// parseCaller reads struct actor, of 40 bytes.
func parseCaller(b []byte, ahead clock.Ahead) (c caller) {
	le := binary.LittleEndian
	if c.pid = le.Uint32(b[8:]); c.pid == 0 {
		return c
	}
	name, _, _ := bytes.Cut(b[24:40], []byte{0})
	return caller{
		startTicks: (le.Uint64(b) + uint64(ahead.BootNs)) / clock.TickNs,
		pid:        c.pid, parent: le.Uint32(b[12:]), uid: le.Uint32(b[16:]), gid: le.Uint32(b[20:]), name: string(name),
	}
}

// parseDNS reads a message of DNS: its question, and of a response the answers. What is cut
// off or broken behind the question is left out. It reports whether it has a question.
func parseDNS(b []byte) (id uint16, response bool, q event.Query, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || h.OpCode != 0 {
		return 0, false, q, false
	}
	question, err := p.Question()
	if err != nil || p.SkipAllQuestions() != nil {
		return 0, false, q, false
	}
	q.Name, q.Type = dnsName(question.Name), dnsType(question.Type)
	if !h.Response {
		return h.ID, false, q, true
	}
	q.Status = dnsStatus(h.RCode)
	var answers strings.Builder
	for {
		r, err := p.Answer()
		if err != nil {
			break
		}
		answers.WriteString(strings.ReplaceAll(dnsAnswer(&r), "\x00", "?"))
		answers.WriteByte(0)
	}
	q.Answers = answers.String()
	return h.ID, true, q, true
}

// dnsName is a name as people write it, the root as a dot.
func dnsName(n dnsmessage.Name) string {
	if s := strings.TrimSuffix(n.String(), "."); s != "" {
		return s
	}
	return "."
}

// dnsTypes are types that the parser has no name for.
var dnsTypes = map[dnsmessage.Type]string{35: "NAPTR", 43: "DS", 46: "RRSIG", 48: "DNSKEY", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 257: "CAA"}

func dnsType(t dnsmessage.Type) string {
	if s, ok := dnsTypes[t]; ok {
		return s
	}
	if s, named := strings.CutPrefix(t.String(), "Type"); named {
		return strings.ToUpper(s)
	}
	return "TYPE" + strconv.Itoa(int(t))
}

func dnsStatus(c dnsmessage.RCode) string {
	if names := [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}; int(c) < len(names) {
		return names[c]
	}
	return "RCODE" + strconv.Itoa(int(c))
}

// dnsAnswer is what a record holds, or its type where that is not for people to read.
func dnsAnswer(r *dnsmessage.Resource) string {
	switch x := r.Body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(x.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(x.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return dnsName(x.CNAME)
	case *dnsmessage.NSResource:
		return dnsName(x.NS)
	case *dnsmessage.PTRResource:
		return dnsName(x.PTR)
	case *dnsmessage.MXResource:
		return dnsName(x.MX)
	case *dnsmessage.SRVResource:
		return dnsName(x.Target) + ":" + strconv.Itoa(int(x.Port))
	case *dnsmessage.TXTResource:
		return strings.Join(x.TXT, "")
	}
	return dnsType(r.Header.Type)
}
