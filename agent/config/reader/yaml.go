package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseFile reads the settings of one file. It visits each node that the file has
// once and each alias once: an alias leads to a value, never to more sections than
// the table has, so that what a file makes us do is bounded by its size.
func (l *loader) parseFile(path string, text []byte) []assignment {
	w := walker{loader: l, path: path}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil // an empty file has no settings
	} else if err != nil {
		w.syntax(text, err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		l.Fail(ErrSyntax, w.at(&second), "", ": a second document begins here, want one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		w.syntax(text, err)
		return nil
	}
	w.section(l.table.top, doc.Content[0])
	return w.found
}

// walker follows the nodes of one file beside the sections of the table.
type walker struct {
	loader *loader
	path   string
	found  []assignment
}

func (w *walker) at(n *yaml.Node) Origin {
	return Origin{Layer: LayerFile, File: w.path, Line: n.Line, Column: n.Column}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax notes an error of the YAML package. Its line may be the one where the block
// begins that has the mistake; of a tab, the most frequent mistake, we find the place.
func (w *walker) syntax(text []byte, err error) {
	at, problem := Origin{Layer: LayerFile, File: w.path}, err.Error()
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		at.Line, _ = strconv.Atoi(m[1]) // 0 where there is none
		problem = problem[len(m[0]):]
	}
	if strings.Contains(problem, "tab character") || strings.Contains(problem, "cannot start any token") {
		if line, column := tab(text); line > 0 {
			at.Line, at.Column, problem = line, column, "a tab in the indentation, want spaces"
		}
	}
	w.loader.Fail(ErrSyntax, at, "", ": not YAML: %s", shorten(problem))
}

// tab returns the place of the first tab that indents, 0 for none.
func tab(text []byte) (line, column int) {
	for l := range bytes.Lines(text) {
		line++
		indent := l[:len(l)-len(bytes.TrimLeft(l, " \t"))]
		if i := bytes.IndexByte(indent, '\t'); i >= 0 && len(bytes.TrimSpace(l)) > 0 {
			return line, i + 1
		}
	}
	return 0, 0
}

// section reads the keys of s from n. An empty section is none.
func (w *walker) section(s *section, n *yaml.Node) {
	pairs := w.mapping(s.name, n, "want its keys below it")
	for _, p := range pairs {
		name := join(s.name, p.key.Value)
		if sub := s.sub(name); sub != nil {
			w.section(sub, p.value)
			continue
		}
		k := s.key(name)
		if k == nil {
			w.loader.errs.add(&Error{
				Origin: w.at(p.key), Key: name, Near: w.loader.table.near(s.name, p.key.Value), Reason: ErrUnknown,
				detail: ": unknown key",
			})
			continue
		}
		w.value(k, name, p.value)
	}
}

// pair is one line of a mapping.
type pair struct{ key, value *yaml.Node }

// mapping returns the pairs of n with different keys. What is wrong is noted.
func (w *walker) mapping(name string, n *yaml.Node, want string) (pairs []pair) {
	at := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		if name == "" {
			want = "want keys and values"
		}
		w.loader.Fail(ErrValue, w.at(at), name, ": %s", want)
		return nil
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		p := pair{n.Content[i], n.Content[i+1]}
		key := join(name, p.key.Value)
		switch {
		case p.key.Kind == yaml.ScalarNode && p.key.ShortTag() == "!!merge":
			w.loader.Fail(ErrUnknown, w.at(p.key), key, ": merge keys are not read: write the keys out")
		case p.key.Kind != yaml.ScalarNode:
			w.loader.Fail(ErrUnknown, w.at(p.key), name, ": a key is a word")
		case first[p.key.Value] != nil:
			w.loader.Fail(ErrDuplicate, w.at(p.key), key, ": duplicate key, the first is in line %d", first[p.key.Value].Line)
		default:
			first[p.key.Value] = p.key
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// value reads the value of one key.
func (w *walker) value(k *Key, name string, n *yaml.Node) {
	switch k.kind {
	case kindList:
		w.list(k, name, n)
	case kindMap:
		w.entries(k, name, n)
	case kindEntries:
		w.structs(k, name, n)
	default:
		if text, ok := w.text(k, name, n); ok {
			if a, ok := w.loader.scalar(k, name, text, w.at(n)); ok {
				w.found = append(w.found, a)
			}
		}
	}
}

// text returns the text of a scalar. Numbers and the words true and false stand
// without quotes, so that the same files are right for an editor with the schema.
func (w *walker) text(k *Key, name string, n *yaml.Node) (string, bool) {
	at := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	var problem string
	switch tag := n.ShortTag(); {
	case n.Kind != yaml.ScalarNode:
		problem = "want one value"
	case tag == "!!null":
		problem = "has no value: give one, or leave the key out"
	case tag == "!!binary" || len(tag) < 2 || tag[:2] != "!!":
		problem = fmt.Sprintf("tag %s is not read", shorten(tag))
	case tag == "!!str" && (k.kind == kindInt || k.kind == kindBool) && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		problem = fmt.Sprintf("want %s without quotes", shorten(n.Value))
	default:
		return n.Value, true
	}
	w.loader.Fail(ErrValue, w.at(at), name, ": %s", problem)
	return "", false
}

func (w *walker) list(k *Key, name string, n *yaml.Node) {
	at := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.SequenceNode {
		w.loader.Fail(ErrValue, w.at(at), name, ": want a list, such as [%s]", k.format(k.of))
		return
	}
	list := make([]string, 0, min(len(n.Content), 64))
	for _, item := range n.Content {
		text, ok := w.text(k, name, item)
		if !ok {
			return
		}
		list = append(list, text)
	}
	w.checked(assignment{key: k, name: name, value: list, origin: w.at(at)})
}

func (w *walker) entries(k *Key, name string, n *yaml.Node) {
	a := assignment{key: k, name: name, origin: w.at(n), entries: map[string]Origin{}}
	m := map[string]string{}
	for _, p := range w.mapping(name, n, "want names and values below it") {
		if text, ok := w.text(k, join(name, p.key.Value), p.value); ok {
			m[p.key.Value], a.entries[p.key.Value] = text, w.at(p.value)
		}
	}
	a.value = m
	w.checked(a)
}

// checked keeps a list or map that is right.
func (w *walker) checked(a assignment) {
	if err := a.key.check(a.value); err != nil {
		w.loader.Fail(ErrValue, a.origin, a.name, ": %v", err)
		return
	}
	w.found = append(w.found, a)
}

func (s *section) sub(name string) *section {
	for _, x := range s.subs {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (s *section) key(name string) *Key {
	for _, k := range s.keys {
		if k.Name == name || k.Alias == name && name != "" {
			return k
		}
	}
	return nil
}
