package event

import (
	"fmt"
	"strings"
)

// TablesMarkdown returns the tables of LAYOUT.md: each block's fields in their
// order, with the bit that means that one is there.
func TablesMarkdown() string {
	var b strings.Builder
	b.WriteString("\n| bit | flag |\n|-|-|\n")
	for i, name := range flagNames {
		fmt.Fprintf(&b, "| %d | `%s` |\n", i, name)
	}
	b.WriteString("\n## Fields\n")
	part := func(title string, specs []spec, fixed, strings int) {
		fmt.Fprintf(&b, "\n### %s\n", title)
		if strings > 0 || fixed > 0 {
			fmt.Fprintf(&b, "\nFixed part of %d bytes, %d strings.\n", fixed, strings)
		}
		b.WriteString("\n| bit | place | field | kind | Sigma | unread | |\n|-|-|-|-|-|-|-|\n")
		for i := range specs {
			s := &specs[i]
			fmt.Fprintf(&b, "| %d | %s | `%s` | %v | %s | %s | %s |\n", s.bit, s.inBlock(), s.name, s.kind, s.sigma, flagText(s.unread), s.doc)
		}
	}
	part("Head of 64 bytes", head.specs, 0, 0)
	part("Origin", origin.specs, origin.fixed, origin.strings)
	part("Actor", actor.specs, actor.fixed, actor.strings)
	part("Body of table 1, process", detail.specs, detail.fixed, detail.strings)
	part("Body of table 2, network", connection.specs, connection.fixed, connection.strings)
	part("Body of table 3, filesystem", file.specs, file.fixed, file.strings)
	part("Body of table 4, performance", usage.specs, usage.fixed, usage.strings)
	part("Body of table 5, gap", loss.specs, loss.fixed, loss.strings)
	b.WriteString("\n")
	return b.String()
}

func (s *spec) inBlock() string {
	_, in, ok := strings.Cut(s.where(), " ")
	if !ok {
		return s.where()
	}
	return in
}

func flagText(f Flags) string {
	var all []string
	for name := range f.Names() {
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}
