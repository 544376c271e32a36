package network

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/collector/emit"
	"github.com/daemoneye/eventbus/agent/event"
)

//go:embed bpf/dns.o
var dnsObject []byte

const (
	// dnsRing is the size of the ring of queries and answers, some 300 bytes each.
	dnsRing = 1 << 18
	// answerIn is how long a query waits for its answer, before it is announced without.
	answerIn = int64(5 * time.Second)
	// maxQueries bounds those that wait. One more is announced without its answer.
	maxQueries = 4096
)

// queries follows the queries of DNS, and their answers.
//
// One goroutine at a time.
type queries struct {
	loaded  *ebpf.Programs
	ahead   clock.Ahead
	reader  *ebpf.Reader
	waiting map[asked]*query
	loss    event.Loss
}

// asked is what an answer repeats of a query.
type asked struct {
	cookie   uint64 // of the socket
	id       uint16
	question event.Query // name, in small letters, and type
}

// query is one that waits for its answer.
type query struct {
	body    event.Connection
	process actor.Process
	timeNs  int64
}

var errNoCgroups = errors.New("control groups of version 2 are not mounted")

// openQueries loads the programs, and has them see the packets of all control groups from
// now on.
func openQueries(o *Options) (*queries, error) {
	root, err := cgroupRoot(o.Host.Root)
	if err != nil {
		return nil, err
	}
	ahead, err := clock.ReadAhead(o.Host.Root)
	if err != nil {
		return nil, err
	}
	programs := o.programs.dns
	if programs == nil {
		programs = dnsObject
	}
	p, err := ebpf.Load(programs, ebpf.Options{Ring: dnsRing, BTF: o.programs.btf, Root: o.Host.Root})
	if err != nil {
		return nil, err
	}
	q := &queries{loaded: p, ahead: ahead, waiting: make(map[asked]*query)}
	if q.reader, err = p.Reader(); err == nil {
		if err = p.AttachCgroup(root); err == nil {
			return q, nil
		}
		q.reader.Close()
	}
	p.Close()
	return nil, err
}

// noQueries returns why queries of DNS are not seen.
func noQueries(err error) string {
	if errors.Is(err, unix.EPERM) && !strings.HasPrefix(refused(err), "no CAP_") {
		return "no CAP_NET_ADMIN"
	}
	return refused(err)
}

func (q *queries) close() {
	if q != nil {
		q.reader.Close()
		q.loaded.Close()
	}
}

// cgroupRoot is where the control groups of version 2 are.
func cgroupRoot(proc string) (string, error) {
	f, err := os.Open(filepath.Join(proc, "self/mounts"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) > 2 && w[2] == "cgroup2" {
			return w[1], nil
		}
	}
	return "", errNoCgroups
}

// ready sends when there is something to read; a nil queries never does. See ebpf.Reader.
func (q *queries) ready(ctx context.Context) <-chan error {
	if q == nil {
		return nil
	}
	return q.reader.Ready(ctx)
}

// takeQueries takes what there is, after ready has sent.
func (t *tracker) takeQueries(err error) error {
	q := t.queries
	t.clock.Adjust()
	malformed := uint64(0)
	if err == nil {
		err = q.reader.Read(mostRecords, func(b []byte) {
			if p, ok := parsePacket(b, q.ahead); ok {
				t.packet(&p)
			} else {
				malformed++
			}
		})
	}
	if err != nil {
		return err
	}
	lost, _ := q.reader.Lost()
	if lost += malformed; lost > 0 {
		q.loss.Lost = lost
		q.loss.Total += lost
		q.loss.Reason = "packets of DNS: the ring was full"
		t.emitter.Gap(q.loss, t.clock.Now())
	}
	q.reader.Resume()
	return nil
}

// packet takes a query or an answer into account. What is no message of DNS is left alone.
func (t *tracker) packet(p *packet) {
	q := t.queries
	id, response, question, ok := parseDNS(p.text)
	if !ok || response != (p.way == packetIn) {
		return
	}
	k := asked{p.cookie, id, event.Query{Name: strings.ToLower(question.Name), Type: question.Type}}
	if response {
		if x := q.waiting[k]; x != nil && x.body.Destination == endpoint(p.source) {
			x.body.Query.Status, x.body.Query.Answers = question.Status, question.Answers
			t.answered(k, x)
		}
		return
	}
	if q.waiting[k] != nil {
		return // it is asked again
	}
	x := &query{timeNs: p.timeNs, process: t.who(&record{by: p.by}), body: event.Connection{
		Source: endpoint(p.source), Destination: endpoint(p.destination), Transport: "udp", Direction: event.Egress, Query: question,
	}}
	if len(q.waiting) >= maxQueries {
		t.emitter.query(x, t.clock.At(x.timeNs))
		return
	}
	q.waiting[k] = x
}

func (t *tracker) answered(k asked, x *query) {
	delete(t.queries.waiting, k)
	t.emitter.query(x, t.clock.At(x.timeNs))
}

// expireQueries announces queries that nobody has answered in time.
func (t *tracker) expireQueries() {
	if t.queries == nil || len(t.queries.waiting) == 0 {
		return
	}
	t.clock.Adjust()
	now := clock.Mono()
	for k, x := range t.queries.waiting {
		if now-x.timeNs > answerIn {
			t.answered(k, x)
		}
	}
}

// query emits a query with its answer, unless it is to be left out.
func (e *emitter) query(x *query, at clock.Moment) {
	if !e.filter.Passes(&x.process) {
		return
	}
	who, flags := e.encoder.Encode(&x.process, at)
	h := event.Header{Operation: event.OpQuery, Flags: flags, PID: x.process.PID, StartTicks: x.process.StartTicks}
	emit.Event(e.Emitter, TopicDNS, h, at, who, &x.body)
}
