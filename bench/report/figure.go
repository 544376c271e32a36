package report

import "math"

// Figure is one or more plots side by side under one title, with one legend.
type Figure struct {
	Name  string // of the file, without ending
	Title string
	Note  string // what stands below, before commit and load: how often it was measured
	Plots []Plot
}

func (f Figure) file() string { return f.Name + ".svg" }

// Plot is a set of lines over one pair of axes.
type Plot struct {
	Title string // may be empty
	X, Y  Axis
	Lines []Line
	Marks []Mark
}

// Axis maps numbers to places on the paper: from Low at the one end to High at the
// other, evenly. A logarithmic axis is one of logarithms, see LogAxis.
type Axis struct {
	Label     string
	Low, High float64
	Ticks     []Tick
}

// Tick is a marked place on an axis.
type Tick struct {
	At    float64
	Label string
}

// Line is a line through points, in the numbers of the axes. Lines with the same
// name in several plots of a figure stand once in the legend.
type Line struct {
	Name   string
	Colour Colour // that of what is measured, the same in every figure
	Floor  bool   // drawn in dashes: something to compare with
	Other  bool   // drawn in dots: the same thing, measured in another way
	Points []Point
	Dots   bool // marks each point
}

// Mark is a target: a bar at a height.
type Mark struct {
	Low, High float64 // from where to where on the X axis
	Y         float64
	Colour    Colour // of what has the target
	Label     string // stands above it; may be empty
}

// Colour is one of those that people who don't see all colours can tell apart (Okabe
// and Ito, and grey). The zero value is black.
type Colour int

// The colours. Who measures gives each system its own, so that it has the same one in
// every figure and in every report.
const (
	Black Colour = iota
	Blue
	Vermillion
	Green
	Purple
	Orange
	Sky
	Grey
)

var colours = [...]string{"#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f"}

func (c Colour) String() string {
	if c < 0 || int(c) >= len(colours) {
		c = Black
	}
	return colours[c]
}

// Point is a point of a Line.
type Point struct{ X, Y float64 }

// LogAxis returns an axis of decimal logarithms that holds low to high, both above
// 0, and is marked at 1, 2 and 5, or only at powers of ten where that would be too
// much.
func LogAxis(label string, low, high float64, format func(float64) string) Axis {
	steps := []float64{1, 2, 5}
	if math.Log10(high/low) > 4 {
		steps = steps[:1]
	}
	a := Axis{Label: label, Low: math.Inf(1), High: math.Inf(-1)}
	var before Tick
	for exponent := math.Floor(math.Log10(low)) - 1; exponent <= math.Ceil(math.Log10(high))+1; exponent++ {
		for _, step := range steps {
			v := step * math.Pow(10, exponent)
			t := Tick{At: math.Log10(v), Label: format(v)}
			switch {
			case v <= low:
				before = t // the last one below is where the axis begins
			case len(a.Ticks) == 0:
				a.Ticks = append(a.Ticks, before, t)
			case a.Ticks[len(a.Ticks)-1].At < math.Log10(high):
				a.Ticks = append(a.Ticks, t)
			}
		}
	}
	a.Low, a.High = a.Ticks[0].At, a.Ticks[len(a.Ticks)-1].At
	return a
}

// PercentileAxis returns an axis on which each further nine of a percentile takes as
// much room as the one before: the tail is what a latency distribution is looked at
// for. See PercentileAt.
func PercentileAxis() Axis {
	a := Axis{Label: "percentile", Low: 0, High: 4}
	for _, t := range []struct {
		q     float64
		label string
	}{{0, "0"}, {0.5, "50"}, {0.9, "90"}, {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99"}} {
		a.Ticks = append(a.Ticks, Tick{At: PercentileAt(t.q), Label: t.label})
	}
	return a
}

// PercentileAt returns where quantile q (0 to below 1) lies on a PercentileAxis.
func PercentileAt(q float64) float64 { return -math.Log10(1 - q) }
