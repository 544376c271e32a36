package network

import (
	"net"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/ebpf"
)

// BenchmarkPackets has packets of UDP that are no DNS go over loopback, and reports what the
// programs that look at every packet take for each look, of which a packet over loopback has
// two.
func BenchmarkPackets(b *testing.B) {
	o, err := prepare(Options{})
	if err != nil {
		b.Fatal(err)
	}
	q, err := openQueries(&o.options)
	if err != nil {
		b.Skip(err)
	}
	defer q.close()
	stop, err := ebpf.MeasureTime()
	if err != nil {
		b.Skip(err)
	}
	defer stop()
	to, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	from, err := net.DialUDP("udp", nil, to.LocalAddr().(*net.UDPAddr))
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	packet := make([]byte, 100)
	for b.Loop() {
		if _, err := from.Write(packet); err != nil {
			b.Fatal(err)
		}
		if _, err := to.Read(packet); err != nil {
			b.Fatal(err)
		}
	}
	times, err := q.loaded.Times()
	if err != nil {
		b.Fatal(err)
	}
	runs, spent := uint64(0), int64(0)
	for _, t := range times {
		runs += t.Runs
		spent += t.Spent.Nanoseconds()
	}
	b.ReportMetric(float64(spent)/float64(max(runs, 1)), "ns/look")
}
