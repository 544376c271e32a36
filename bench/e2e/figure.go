package e2e

import (
	"math"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/bench/report"
)

// LatencyFigure draws the distribution of the latencies of all rounds.
func LatencyFigure(name, title string, c Comparison) report.Figure {
	plot := report.Plot{X: report.PercentileAxis()}
	low, high := math.Inf(1), 0.0
	for _, s := range c.Series {
		h := s.Latency()
		line := report.Line{Name: s.Label(), Floor: s.System.Floor}
		// A distribution has no percentile finer than one value of it.
		for at := 0.0; at <= min(plot.X.High, math.Log10(float64(max(1, h.Count())))); at += 0.02 {
			v := math.Max(1, float64(h.Quantile(1-math.Pow(10, -at))))
			low, high = min(low, v), max(high, v)
			line.Points = append(line.Points, report.Point{X: at, Y: math.Log10(v)})
		}
		plot.Lines = append(plot.Lines, line)
	}
	plot.Y = report.LogAxis("latency", min(low, high), max(1, high), func(ns float64) string {
		return report.Duration(time.Duration(math.Round(ns)))
	})
	return report.Figure{Name: name, Title: title, Plots: []report.Plot{plot}}
}

// ThroughputFigure draws deliveries a second over the size of the messages, one plot for each number of publishers and subscribers.
func ThroughputFigure(name, title string, comparisons []Comparison) report.Figure {
	x := report.Axis{Label: "message size"}
	low, high := math.Inf(1), 0.0
	var sizes []int
	for _, c := range comparisons {
		for _, s := range c.Series {
			sizes = append(sizes, s.Spec.Size)
			low, high = min(low, max(1, s.Median(Rate))), max(high, s.Median(Rate))
		}
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	for i, size := range sizes {
		x.Ticks = append(x.Ticks, report.Tick{At: float64(i), Label: report.Bytes(int64(size))})
	}
	x.High = math.Max(1, float64(len(sizes)-1))
	y := report.LogAxis("deliveries/s", min(low, max(1, high)), max(1, high), report.Count)

	f := report.Figure{Name: name, Title: title}
	for _, c := range comparisons {
		for _, s := range c.Series {
			l := line(plot(&f, s.Spec.Fan(), x, y), s)
			l.Points = append(l.Points, report.Point{
				X: float64(slices.Index(sizes, s.Spec.Size)),
				Y: math.Log10(math.Max(1, s.Median(Rate))),
			})
		}
	}
	return f
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
		p.Lines = append(p.Lines, report.Line{Name: s.Label(), Floor: s.System.Floor, Dots: true})
	}
	return &p.Lines[i]
}
