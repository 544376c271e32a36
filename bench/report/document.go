package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Document is a report. The zero value is empty.
type Document struct {
	Title    string
	Machine  Machine
	Command  string // with which it was made
	Sections []Section
}

// Section is one subject of a report.
type Section struct {
	Title   string
	Text    string
	Tables  []Table
	Figures []Figure
}

// Put appends a section, or puts it in the place of the one with the same title.
func (d *Document) Put(s Section) {
	for i := range d.Sections {
		if d.Sections[i].Title == s.Title {
			d.Sections[i] = s
			return
		}
	}
	d.Sections = append(d.Sections, s)
}

// Judgements returns what the tables of all sections hold against targets.
func (d *Document) Judgements() []Judgement {
	var all []Judgement
	for _, s := range d.Sections {
		for _, t := range s.Tables {
			all = append(all, t.Judgements...)
		}
	}
	return all
}

// Markdown returns the text of the report, which refers to its figures by the names
// of their files.
func (d *Document) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", d.Title, d.Machine)
	if d.Command != "" {
		fmt.Fprintf(&b, "\nmade with `%s`\n", d.Command)
	}
	if t, n := Targets(d.Judgements()); n > 0 {
		fmt.Fprintf(&b, "\n## Targets\n\n")
		_ = t.Markdown(&b) // a strings.Builder takes everything
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n## %s\n", s.Title)
		if s.Text != "" {
			fmt.Fprintf(&b, "\n%s\n", s.Text)
		}
		for _, t := range s.Tables {
			b.WriteByte('\n')
			_ = t.Markdown(&b)
		}
		for _, f := range s.Figures {
			fmt.Fprintf(&b, "\n![%s](%s)\n", f.Title, f.file())
		}
	}
	return b.String()
}

// Write makes the directory, and writes report.md and the figures into it.
func (d *Document) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, s := range d.Sections {
		for _, f := range s.Figures {
			if err := os.WriteFile(filepath.Join(dir, f.file()), []byte(f.SVG(d.Machine.stamp())), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "report.md"), []byte(d.Markdown()), 0o644)
}
