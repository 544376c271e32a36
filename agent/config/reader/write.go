package reader

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// width is what a terminal has.
const width = 80

// WriteDefaults writes a file with all keys and their defaults, each explained, behind the
// lines of head. Load takes it, and finds nothing but the defaults in it.
func (t *Table) WriteDefaults(w io.Writer, head ...string) error {
	p := printer{w: w, comment: func(k *Key, indent int) []string { return wrap(k.explain(), width-indent-2) }}
	for _, text := range head {
		p.line(0, "# "+text)
	}
	p.line(0, "")
	c := reflect.New(t.typ).Interface()
	t.SetDefaults(c)
	p.section(t.top, c, 0)
	return p.err
}

// Write writes the values of c, a pointer to the table's struct, with their origins where
// origin is not nil. Load takes what it writes.
func (t *Table) Write(w io.Writer, c any, origin func(key string) Origin) error {
	p := printer{w: w, comment: func(k *Key, _ int) []string { return nil }, origin: origin}
	p.section(t.top, c, 0)
	return p.err
}

// explain is all that the table knows of a key, for a person.
func (k *Key) explain() string {
	text := capital(k.Help)
	if k.types != nil {
		text = "Of " + strings.Join(k.types, ", ") + ": " + k.Help
	}
	switch {
	case k.of != nil && k.kind == kindList:
		text += " (" + strings.Join(k.of, ", ") + ")"
	case k.of != nil:
		text += " (" + oneOf(k.of) + ")"
	case k.kind == kindText:
	case k.min != nil && k.max != nil:
		text += " (" + k.min.text + " to " + k.max.text + ")"
	case k.max != nil:
		text += " (at most " + k.max.text + ")"
	}
	text += "."
	if k.seconds {
		text += " In seconds, or with a unit."
	}
	if k.Alias != "" {
		_, alias := split(k.Alias)
		text += " Also called " + alias + "."
	}
	switch {
	case k.Clients:
		text += " Reloadable, for clients that connect later."
	case !k.Restart:
		text += " Reloadable."
	}
	return text
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// wrap breaks text into lines of at most n bytes.
func wrap(text string, n int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > n {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// printer writes YAML by the table. It remembers the first error.
type printer struct {
	w       io.Writer
	comment func(k *Key, indent int) []string // lines above the key
	origin  func(key string) Origin           // where not nil, shown beside the value
	err     error
}

func (p *printer) line(indent int, text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, "%s%s\n", strings.Repeat(" ", indent), text)
	}
}

func (p *printer) section(s *section, c any, indent int) {
	for _, k := range s.keys {
		for _, text := range p.comment(k, indent) {
			p.line(indent, "# "+text)
		}
		p.key(k, c, indent)
	}
	for _, sub := range s.subs {
		_, name := split(sub.name)
		if p.origin == nil && indent == 0 {
			p.line(0, "")
		}
		p.line(indent, name+":")
		p.section(sub, c, indent+2)
	}
}

func (p *printer) key(k *Key, c any, indent int) { p.keyAs(k, c, indent, k.Name) }

// keyAs is key for one whose origin stands under another name.
func (p *printer) keyAs(k *Key, c any, indent int, full string) {
	_, name := split(k.Name)
	if k.kind == kindEntries {
		p.entries(k, c, indent)
		return
	}
	if m, ok := k.field(c).Interface().(map[string]string); ok && len(m) > 0 {
		p.line(indent, name+":")
		for _, entry := range slices.Sorted(maps.Keys(m)) {
			p.pair(indent+2, quoted(entry)+": "+quoted(m[entry]), join(full, entry))
		}
		return
	}
	text := name + ": " + k.yaml(c)
	if list, ok := k.field(c).Interface().([]string); ok && indent+len(text) > width {
		p.pair(indent, name+":", full)
		for _, item := range list {
			p.line(indent+2, "- "+quoted(item))
		}
		return
	}
	p.pair(indent, text, full)
}

// pair writes one line; its origin stands beside it, or above it where there is no
// room.
func (p *printer) pair(indent int, text, key string) {
	if p.origin == nil {
		p.line(indent, text)
		return
	}
	const column = 40
	origin := "# " + clean(p.origin(key).String())
	length := indent + utf8.RuneCountInString(text)
	pad := max(column-length, 1)
	if length+pad+len(origin) <= width {
		p.line(indent, text+strings.Repeat(" ", pad)+origin)
		return
	}
	p.line(indent, origin)
	p.line(indent, text)
}

// yaml returns the key's value in c as it stands in a file.
func (k *Key) yaml(c any) string {
	switch v := k.field(c).Interface().(type) {
	case string:
		return quoted(v)
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = quoted(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]string:
		return "{}"
	}
	return k.format(k.field(c).Interface())
}

// quoted returns s as a scalar of YAML in one line.
func quoted(s string) string {
	b, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: plainStyle(s)})
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// plainStyle keeps words as they are; what else there is stands in quotes.
func plainStyle(s string) yaml.Style {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-_") == "" {
		return 0 // the encoder quotes what would be no text
	}
	return yaml.DoubleQuotedStyle
}
