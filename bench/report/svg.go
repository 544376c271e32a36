package report

import (
	"fmt"
	"html"
	"strings"
)

// Sizes in the plots' own unit, a pixel at normal size.
const (
	plotWidth   = 560 // of a plot that stands alone; several share one and a half of it
	plotHeight  = 320
	marginLeft  = 72
	marginRight = 28
	marginTop   = 34
	axisHeight  = 48
	titleHeight = 34
	legendLine  = 20
)

// colours can be told apart by people who don't see all colours (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"}

// SVG draws the figure.
func (f Figure) SVG() string {
	n := max(1, len(f.Plots))
	each := plotWidth
	if n > 1 {
		each = plotWidth * 3 / 2 / n
	}
	names := f.distinct()
	width := n * (marginLeft + each + marginRight)
	height := titleHeight + marginTop + plotHeight + axisHeight + len(names)*legendLine + 10
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="system-ui, sans-serif" font-size="12" fill="#222">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(f.Title))
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="22" font-size="16" font-weight="600">%s</text>`+"\n", marginLeft, html.EscapeString(f.Title))
	for i, p := range f.Plots {
		d := drawing{
			b: &b, plot: p, names: names,
			left: float64(i*(marginLeft+each+marginRight) + marginLeft), top: titleHeight + marginTop,
			width: float64(each), height: plotHeight,
		}
		d.draw()
	}
	f.legend(&b, names, titleHeight+marginTop+plotHeight+axisHeight)
	b.WriteString("</svg>\n")
	return b.String()
}

// distinct returns one line of each name, in order of appearance.
func (f Figure) distinct() []Line {
	var names []Line
	for _, p := range f.Plots {
		for _, l := range p.Lines {
			if indexOf(names, l.Name) < 0 {
				names = append(names, l)
			}
		}
	}
	return names
}

func indexOf(names []Line, name string) int {
	for i, l := range names {
		if l.Name == name {
			return i
		}
	}
	return -1
}

// style is the colour and the dashes of a line.
func style(names []Line, l Line) string {
	s := fmt.Sprintf(`stroke="%s" stroke-width="2" fill="none"`, colours[indexOf(names, l.Name)%len(colours)])
	if l.Floor {
		s += ` stroke-dasharray="6 4"`
	}
	return s
}

func (f Figure) legend(b *strings.Builder, names []Line, top int) {
	for i, l := range names {
		y := top + i*legendLine + 12
		fmt.Fprintf(b, `<path d="M%d %dh34" %s/><text x="%d" y="%d">%s</text>`+"\n",
			marginLeft, y-4, style(names, l), marginLeft+42, y, html.EscapeString(l.Name))
	}
}

// drawing is one plot on its place in the figure.
type drawing struct {
	b                        *strings.Builder
	plot                     Plot
	names                    []Line
	left, top, width, height float64
}

func (d drawing) x(v float64) float64 {
	return d.left + (v-d.plot.X.Low)/(d.plot.X.High-d.plot.X.Low)*d.width
}

func (d drawing) y(v float64) float64 {
	return d.top + d.height - (v-d.plot.Y.Low)/(d.plot.Y.High-d.plot.Y.Low)*d.height
}

func (d drawing) draw() {
	bottom := d.top + d.height
	if d.plot.Title != "" {
		d.text(d.left, d.top-10, "start", d.plot.Title)
	}
	for _, t := range d.plot.X.Ticks {
		d.rule(d.x(t.At), d.top, d.x(t.At), bottom)
		d.text(d.x(t.At), bottom+18, "middle", t.Label)
	}
	for _, t := range d.plot.Y.Ticks {
		d.rule(d.left, d.y(t.At), d.left+d.width, d.y(t.At))
		d.text(d.left-8, d.y(t.At)+4, "end", t.Label)
	}
	d.text(d.left+d.width/2, bottom+38, "middle", d.plot.X.Label)
	fmt.Fprintf(d.b, `<text transform="translate(%.1f %.1f) rotate(-90)" text-anchor="middle">%s</text>`+"\n",
		d.left-marginLeft+14, d.top+d.height/2, html.EscapeString(d.plot.Y.Label))
	for _, l := range d.plot.Lines {
		d.line(l)
	}
}

func (d drawing) line(l Line) {
	if len(l.Points) == 0 {
		return
	}
	var path strings.Builder
	for i, p := range l.Points {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], d.x(p.X), d.y(p.Y))
	}
	fmt.Fprintf(d.b, `<path d="%s" %s/>`+"\n", path.String(), style(d.names, l))
	if !l.Dots {
		return
	}
	colour := colours[indexOf(d.names, l.Name)%len(colours)]
	for _, p := range l.Points {
		fmt.Fprintf(d.b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", d.x(p.X), d.y(p.Y), colour)
	}
}

func (d drawing) rule(x1, y1, x2, y2 float64) {
	fmt.Fprintf(d.b, `<path d="M%.1f %.1fL%.1f %.1f" stroke="#ddd"/>`+"\n", x1, y1, x2, y2)
}

func (d drawing) text(x, y float64, anchor, text string) {
	fmt.Fprintf(d.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}
