package e2e

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/bench/report"
)

// LatencyFigure draws the distribution of the latencies of all rounds, the targets of
// the entries as bars, and a line at a latency that all should stay below; 0 is none.
func LatencyFigure(name, title string, c Comparison, below time.Duration) report.Figure {
	plot := report.Plot{X: report.PercentileAxis()}
	low, high := math.Inf(1), float64(below)
	for _, s := range c.Series {
		h := s.Latency()
		line := s.line()
		// A distribution has no percentile finer than one value of it.
		for at := 0.0; at <= min(plot.X.High, math.Log10(float64(max(1, h.Count())))); at += 0.02 {
			v := math.Max(1, float64(h.Quantile(1-math.Pow(10, -at))))
			low, high = min(low, v), max(high, v)
			line.Points = append(line.Points, report.Point{X: at, Y: math.Log10(v)})
		}
		plot.Lines = append(plot.Lines, line)
		plot.Marks = append(plot.Marks, c.latencyMarks(s)...)
	}
	for _, m := range plot.Marks {
		low = min(low, math.Pow(10, m.Y))
	}
	if below > 0 {
		plot.Marks = append(plot.Marks, report.Mark{
			Low: plot.X.Low, High: plot.X.High, Y: math.Log10(float64(below)), Label: report.Duration(below) + " promised",
		})
	}
	plot.Y = report.LogAxis("latency", min(low, high), max(1, high), func(ns float64) string {
		return report.Duration(time.Duration(math.Round(ns)))
	})
	return report.Figure{Name: name, Title: title, Note: note(c), Plots: []report.Plot{plot}}
}

// latencyMarks are the targets of an entry for percentiles.
func (c Comparison) latencyMarks(s Series) []report.Mark {
	var marks []report.Mark
	add := func(q, ns float64) {
		if ns > 0 {
			at := report.PercentileAt(q)
			marks = append(marks, report.Mark{Low: at - 0.12, High: at + 0.12, Y: math.Log10(ns), Colour: s.System.Colour})
		}
	}
	add(0.50, s.Aim.P50*c.floor().Median(LatencyAt(0.50)))
	add(0.99, s.Aim.P99*c.floor().Median(LatencyAt(0.99)))
	add(0.50, float64(s.Aim.Below))
	return marks
}

// ThroughputFigure draws deliveries a second over the size of the messages, one plot
// for each number of publishers and subscribers, the targets of the entries as bars,
// and a line at a rate that all should reach; 0 is none.
func ThroughputFigure(name, title string, comparisons []Comparison, atLeast float64) report.Figure {
	x := report.Axis{Label: "message size"}
	low, high := math.Inf(1), 0.0
	if atLeast > 0 {
		low, high = atLeast, atLeast
	}
	var sizes []int
	for _, c := range comparisons {
		for _, s := range c.Series {
			sizes = append(sizes, s.Spec.Size)
			low, high = min(low, max(1, s.Median(Rate))), max(high, s.Median(Rate), s.Aim.Rate*c.floor().Median(Rate))
		}
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	for i, size := range sizes {
		x.Ticks = append(x.Ticks, report.Tick{At: float64(i), Label: report.Bytes(int64(size))})
	}
	x.High = math.Max(1, float64(len(sizes)-1))
	y := report.LogAxis("deliveries/s", min(low, max(1, high)), max(1, high), report.Count)

	f := report.Figure{Name: name, Title: title, Note: note(comparisons...)}
	for _, c := range comparisons {
		for _, s := range c.Series {
			p := plot(&f, s.Spec.Fan(), x, y)
			at := float64(slices.Index(sizes, s.Spec.Size))
			l := line(p, s)
			l.Points = append(l.Points, report.Point{X: at, Y: math.Log10(math.Max(1, s.Median(Rate)))})
			if target := s.Aim.Rate * c.floor().Median(Rate); target > 0 {
				p.Marks = append(p.Marks, report.Mark{
					Low: max(x.Low, at-0.12), High: min(x.High, at+0.12), Y: math.Log10(target), Colour: s.System.Colour,
				})
			}
		}
	}
	for i := range f.Plots {
		if p := &f.Plots[i]; atLeast > 0 {
			p.Marks = append(p.Marks, report.Mark{
				Low: x.Low, High: x.High, Y: math.Log10(atLeast), Label: report.Count(atLeast) + "/s promised",
			})
		}
	}
	return f
}

// note describes how often comparisons were measured, for how long, and what others
// had of the machine meanwhile.
func note(comparisons ...Comparison) string {
	if len(comparisons) == 0 {
		return ""
	}
	most, known := 0.0, false
	for _, c := range comparisons {
		for _, s := range c.Series {
			for _, o := range s.Outcomes {
				share, ok := o.Others()
				most, known = max(most, share), known || ok
			}
		}
	}
	c := comparisons[0]
	text := fmt.Sprintf("%s of %s", rounds(c), report.Duration(c.floor().Spec.Measured))
	if known {
		text += fmt.Sprintf(", others had %s of the machine at most", report.Percent(most))
	}
	return text
}

// plot returns the plot with a title, which it appends when it is not there.
func plot(f *report.Figure, title string, x, y report.Axis) *report.Plot {
	i := slices.IndexFunc(f.Plots, func(p report.Plot) bool { return p.Title == title })
	if i < 0 {
		i = len(f.Plots)
		f.Plots = append(f.Plots, report.Plot{Title: title, X: x, Y: y})
	}
	return &f.Plots[i]
}

// line returns the line of a series, which it appends when it is not there.
func line(p *report.Plot, s Series) *report.Line {
	i := slices.IndexFunc(p.Lines, func(l report.Line) bool { return l.Name == s.Label() })
	if i < 0 {
		i = len(p.Lines)
		l := s.line()
		l.Dots = true
		p.Lines = append(p.Lines, l)
	}
	return &p.Lines[i]
}

// line is that of the series, without points. A system has one colour: with a latency
// budget its line is dotted.
func (s Series) line() report.Line {
	return report.Line{Name: s.Label(), Colour: s.System.Colour, Floor: s.System.Floor, Other: s.Spec.Budget > 0}
}
