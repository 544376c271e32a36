package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is a table of text.
type Table struct {
	Title string
	Head  []string
	// Left is how many columns, from the first, are words and stand left; the others are
	// figures and stand right.
	Left  int
	Rows  [][]string
	Notes []string // lines below the table

	// Judgements are those of the cells that hold a figure against a target. A Document
	// gathers them in one table.
	Judgements []Judgement
}

// Judge keeps a judgement, and returns its cell.
func (t *Table) Judge(j Judgement) string {
	t.Judgements = append(t.Judgements, j)
	return j.String()
}

// Add appends a row; cells that are left out are empty.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Markdown writes the table, its columns padded to equal width.
func (t *Table) Markdown(w io.Writer) error {
	width := make([]int, len(t.Head))
	rows := append([][]string{t.Head}, t.Rows...)
	for i := range width {
		width[i] = 3 // what a ruler needs at least
		for _, row := range rows {
			width[i] = max(width[i], utf8.RuneCountInString(cell(row, i)))
		}
	}
	var b strings.Builder
	if t.Title != "" {
		fmt.Fprintf(&b, "**%s**\n\n", t.Title)
	}
	for i, row := range rows {
		t.row(&b, width, row)
		if i == 0 {
			t.ruler(&b, width)
		}
	}
	for _, note := range t.Notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) row(b *strings.Builder, width []int, row []string) {
	b.WriteByte('|')
	for i := range width {
		text := cell(row, i)
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
		if i < t.Left {
			text += pad
		} else {
			text = pad + text
		}
		fmt.Fprintf(b, " %s |", text)
	}
	b.WriteByte('\n')
}

func (t *Table) ruler(b *strings.Builder, width []int) {
	b.WriteByte('|')
	for i, n := range width {
		dashes := strings.Repeat("-", n)
		if i >= t.Left {
			dashes = dashes[1:] + ":" // stands right
		}
		fmt.Fprintf(b, " %s |", dashes)
	}
	b.WriteByte('\n')
}

// cell returns cell i of a row; a bar in it would end the cell.
func cell(row []string, i int) string {
	if i >= len(row) {
		return ""
	}
	return strings.ReplaceAll(row[i], "|", `\|`)
}
