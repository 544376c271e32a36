package display

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is rows of cells below a header, each column as wide as its widest cell. One
// goroutine at a time.
type Table struct {
	// Wrap has the last column go on below itself where a line is too long; otherwise
	// the widest columns are cut.
	Wrap bool

	rows [][]string
}

// between is the space between two columns.
const between = 2

// least is the width below which no column is cut.
const least = 8

// Row appends a row; the first one is the header. All have as many cells.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = Clean(fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

// Write writes the table in lines of at most width characters; 0 does not bound them.
func (t *Table) Write(w io.Writer, width int) error {
	widths := t.widths(width)
	var b strings.Builder
	for _, row := range t.rows {
		t.row(&b, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) widths(width int) (widths []int) {
	if len(t.rows) == 0 {
		return nil
	}
	widths = make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	if width == 0 {
		return widths
	}
	over := between*(len(widths)-1) - width
	for _, n := range widths {
		over += n
	}
	if last := len(widths) - 1; t.Wrap && over > 0 {
		give := min(over, max(widths[last]-2*least, 0))
		widths[last], over = widths[last]-give, over-give
	}
	for ; over > 0; over-- {
		i := slices.Index(widths, slices.Max(widths))
		if widths[i] <= least {
			break // a terminal that is too small for any table
		}
		widths[i]--
	}
	return widths
}

func (t *Table) row(b *strings.Builder, row []string, widths []int) {
	last := len(row) - 1
	var line strings.Builder
	for i, cell := range row[:last] {
		line.WriteString(pad(cut(cell, widths[i]), widths[i]+between))
	}
	indent := utf8.RuneCountInString(line.String())
	lines := []string{cut(row[last], widths[last])}
	if t.Wrap {
		lines = Wrap(row[last], widths[last], 0)
	}
	for i, text := range lines {
		if i > 0 {
			line.Reset()
			line.WriteString(strings.Repeat(" ", indent))
		}
		b.WriteString(strings.TrimRight(line.String()+text, " ") + "\n")
	}
}

// Wrap breaks text into lines of at most n characters, the first one of fewer by
// indent. A word that is longer has a line of its own.
func Wrap(text string, n, indent int) (lines []string) {
	line, length, room := "", 0, n-indent
	for word := range strings.FieldsSeq(text) {
		size := utf8.RuneCountInString(word)
		if line != "" && length+1+size > room {
			lines, line, length, room = append(lines, line), "", 0, n
		}
		if line != "" {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+size
	}
	return append(lines, line)
}
