package metrics

import (
	"math"
	"strconv"
	"strings"

	"github.com/daemoneye/eventbus/router"
)

// contentType names the format that this file writes: version 0.0.4 of the text format of
// Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats. It is written
// here, because the client library brings protobuf along: the program would be 1.9 MB
// larger.
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// page is a text under way.
//
// One goroutine at a time.
type page struct {
	b []byte
}

// head begins a metric. A help has no line break and no backslash.
func (p *page) head(name, kind, help string) {
	p.b = append(append(append(append(p.b, "# HELP "...), name...), ' '), help...)
	p.b = append(append(append(append(p.b, "\n# TYPE "...), name...), ' '), kind...)
	p.b = append(p.b, '\n')
}

// labelEscaper is for values of labels.
var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// sample appends a line. label is empty for none.
func (p *page) sample(name, label, of string, value float64) {
	p.b = append(p.b, name...)
	if label != "" {
		p.b = append(append(append(p.b, '{'), label...), `="`...)
		p.b = append(append(p.b, labelEscaper.Replace(strings.ToValidUTF8(of, "\uFFFD"))...), `"}`...)
	}
	p.b = appendValue(append(p.b, ' '), value)
	p.b = append(p.b, '\n')
}

func appendValue(b []byte, v float64) []byte {
	if math.IsInf(v, 1) {
		return append(b, "+Inf"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// metric appends a row of a table. A metric without samples is left out.
func (p *page) metric(name, help, kind, label string, all []sample) {
	if len(all) == 0 {
		return
	}
	p.head(name, kind, help)
	for _, x := range all {
		p.sample(name, label, x.label, x.value)
	}
}

// latency appends the histogram of a latency, in seconds. Its buckets are cumulative.
func (p *page) latency(name, help string, l *router.Latency) {
	p.head(name, "histogram", help)
	for i, bound := range router.LatencyBounds() {
		n := uint64(0)
		if i < len(l.Buckets) {
			n = l.Buckets[i]
		}
		p.sample(name+"_bucket", "le", string(appendValue(nil, bound.Seconds())), float64(n))
	}
	p.sample(name+"_bucket", "le", "+Inf", float64(l.Samples))
	p.sample(name+"_sum", "", "", l.Sum.Seconds())
	p.sample(name+"_count", "", "", float64(l.Samples))
}
