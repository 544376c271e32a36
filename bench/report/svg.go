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

// SVG draws the figure. The stamp stands below it: where and when it was measured.
func (f Figure) SVG(stamp string) string {
	n := max(1, len(f.Plots))
	each := plotWidth
	if n > 1 {
		each = plotWidth * 3 / 2 / n
	}
	var below []string
	for _, text := range []string{f.Note, stamp} {
		if text != "" {
			below = append(below, text)
		}
	}
	legend := titleHeight + marginTop + plotHeight + axisHeight
	notes := legend + f.legendLines()*legendLine
	width := n * (marginLeft + each + marginRight)
	height := notes + len(below)*legendLine + 10
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="system-ui, sans-serif" font-size="12" fill="#222">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(f.Title))
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="22" font-size="16" font-weight="600">%s</text>`+"\n", marginLeft, html.EscapeString(f.Title))
	for i, p := range f.Plots {
		d := drawing{
			b: &b, plot: p,
			left: float64(i*(marginLeft+each+marginRight) + marginLeft), top: titleHeight + marginTop,
			width: float64(each), height: plotHeight,
		}
		d.draw()
	}
	f.legend(&b, legend)
	for i, text := range below {
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="11" fill="#555">%s</text>`+"\n", marginLeft, notes+i*legendLine+14, html.EscapeString(text))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// distinct returns one line of each name, in order of appearance.
func (f Figure) distinct() []Line {
	var names []Line
	seen := make(map[string]bool)
	for _, p := range f.Plots {
		for _, l := range p.Lines {
			if !seen[l.Name] {
				seen[l.Name] = true
				names = append(names, l)
			}
		}
	}
	return names
}

// marked reports whether a plot has marks that the legend explains: those with a label
// explain themselves.
func (f Figure) marked() bool {
	for _, p := range f.Plots {
		for _, m := range p.Marks {
			if m.Label == "" {
				return true
			}
		}
	}
	return false
}

func (f Figure) legendLines() int {
	n := len(f.distinct())
	if f.marked() {
		n++
	}
	return n
}

// style is the colour and the dashes of a line.
func style(l Line) string {
	s := fmt.Sprintf(`stroke="%s" stroke-width="2" fill="none"`, l.Colour)
	switch {
	case l.Floor:
		s += ` stroke-dasharray="6 4"`
	case l.Other:
		s += ` stroke-dasharray="2 3"`
	}
	return s
}

// markStyle is a bar of a colour.
func markStyle(c Colour) string {
	return fmt.Sprintf(`stroke="%s" stroke-width="5" stroke-opacity="0.45" fill="none"`, c)
}

func (f Figure) legend(b *strings.Builder, top int) {
	entry := func(i int, style, text string) {
		y := top + i*legendLine + 12
		fmt.Fprintf(b, `<path d="M%d %dh34" %s/><text x="%d" y="%d">%s</text>`+"\n",
			marginLeft, y-4, style, marginLeft+42, y, html.EscapeString(text))
	}
	names := f.distinct()
	for i, l := range names {
		entry(i, style(l), l.Name)
	}
	if f.marked() {
		entry(len(names), markStyle(Grey), "target of what has the colour of the bar")
	}
}

// drawing is one plot on its place in the figure.
type drawing struct {
	b                        *strings.Builder
	plot                     Plot
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
	for _, m := range d.plot.Marks {
		d.mark(m)
	}
	for _, l := range d.plot.Lines {
		d.line(l)
	}
}

// mark draws a target, below the lines so that it hides none.
func (d drawing) mark(m Mark) {
	style := markStyle(m.Colour)
	if m.Label != "" {
		style = fmt.Sprintf(`stroke="%s" stroke-width="1.5" stroke-dasharray="1 2" fill="none"`, m.Colour)
		d.text(d.x(m.High)-4, d.y(m.Y)-4, "end", m.Label)
	}
	fmt.Fprintf(d.b, `<path d="M%.1f %.1fH%.1f" %s/>`+"\n", d.x(m.Low), d.y(m.Y), d.x(m.High), style)
}

func (d drawing) line(l Line) {
	if len(l.Points) == 0 {
		return
	}
	var path strings.Builder
	for i, p := range l.Points {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], d.x(p.X), d.y(p.Y))
	}
	fmt.Fprintf(d.b, `<path d="%s" %s/>`+"\n", path.String(), style(l))
	if !l.Dots {
		return
	}
	for _, p := range l.Points {
		fmt.Fprintf(d.b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", d.x(p.X), d.y(p.Y), l.Colour)
	}
}

func (d drawing) rule(x1, y1, x2, y2 float64) {
	fmt.Fprintf(d.b, `<path d="M%.1f %.1fL%.1f %.1f" stroke="#ddd"/>`+"\n", x1, y1, x2, y2)
}

func (d drawing) text(x, y float64, anchor, text string) {
	fmt.Fprintf(d.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}
