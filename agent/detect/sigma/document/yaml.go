package document

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Split splits a file at the marks between documents, which YAML does not
// allow inside of one. So a mistake in one leaves the others.
func Split(name string, text []byte) (all []*Reader) {
	d := &Reader{File: name}
	lines := 0
	for line := range bytes.Lines(text) {
		if mark := bytes.TrimRight(line, " \t\r\n"); string(mark) == "---" || bytes.HasPrefix(line, []byte("--- ")) {
			all = append(all, d)
			d = &Reader{File: name, lines: lines}
		}
		d.Source = append(d.Source, line...)
		lines++
	}
	all = append(all, d)
	return slices.DeleteFunc(all, (*Reader).empty)
}

// empty reports whether a document has nothing but its mark, comments and
// directives.
func (d *Reader) empty() bool {
	for line := range bytes.Lines(d.Source) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' && string(line) != "---" {
			return false
		}
	}
	return true
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// Decode reads the document into nodes. Where it is not YAML, the problem is noted.
func (p *Reader) Decode() *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(p.Source))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		p.syntax(err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		p.Fail(&second, ErrYAML, "a second document begins here without --- before it")
		return nil
	} else if !errors.Is(err, io.EOF) {
		p.syntax(err)
		return nil
	}
	return doc.Content[0]
}

// syntax notes an error of the YAML package. Its line may be the one where the
// block begins that has the mistake; of a tab we find the place.
func (p *Reader) syntax(err error) {
	problem, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		line, _ = strconv.Atoi(m[1])
		problem = problem[len(m[0]):]
	}
	if strings.Contains(problem, "tab character") || strings.Contains(problem, "cannot start any token") {
		if at := tab(p.Source); at > 0 {
			line, problem = at, "a tab in the indentation, want spaces"
		}
	}
	if line > 0 {
		line += p.lines
	} else {
		line = p.lines + 1
	}
	p.Add(&Problem{Line: line, Reason: "not YAML: " + problem, Kind: ErrYAML})
}

// tab returns the line of the first tab that indents, 0 for none.
func tab(text []byte) (line int) {
	for l := range bytes.Lines(text) {
		line++
		indent := l[:len(l)-len(bytes.TrimLeft(l, " \t"))]
		if bytes.IndexByte(indent, '\t') >= 0 && len(bytes.TrimSpace(l)) > 0 {
			return line
		}
	}
	return 0
}

// Entry is one line of a map.
type Entry struct{ Key, Value *yaml.Node }

// Entries returns the lines of a map. Its keys are different texts; what is not is
// noted, and ok is false.
func (p *Reader) Entries(n *yaml.Node) (all []Entry, ok bool) {
	ok = true
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := p.Follow(n.Content[i]), p.Follow(n.Content[i+1])
		if key == nil || value == nil {
			return nil, false
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			p.Fail(key, ErrSelection, "a key is a text, and here is a "+NodeKind(key))
			ok = false
		case key.ShortTag() == "!!merge":
			p.Fail(key, ErrSelection, "merge keys are not read: write the keys out")
			ok = false
		case len(key.Value) > MaxWord:
			p.Fail(key, ErrLimit, "a key has "+strconv.Itoa(len(key.Value))+" bytes, of at most "+strconv.Itoa(MaxWord))
			ok = false
		case first[key.Value] != nil:
			p.Fail(key, ErrDuplicate, "key "+Shorten(key.Value)+" stands in line "+strconv.Itoa(p.Line(first[key.Value]))+" already")
			ok = false
		default:
			first[key.Value] = key
			all = append(all, Entry{key, value})
		}
	}
	return all, ok
}

// MaxWord is how many bytes a key has at most, and a title, an id and a name, because
// lists and answers have them. Those of public rules have 93.
const MaxWord = 512

// maxNodes is how many nodes of YAML a document may lead to. Public rules have 1,200.
const maxNodes = 100_000

// Follow returns the node that an alias leads to, and counts it. It returns nil
// when the document leads to more nodes than it may.
func (p *Reader) Follow(n *yaml.Node) *yaml.Node {
	if p.nodes++; p.nodes > maxNodes {
		p.Over(n, "the document leads to more than "+strconv.Itoa(maxNodes)+" values")
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// IsNullNode reports whether a node is null.
func IsNullNode(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// NodeKind returns what a node is, in words.
func NodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "map"
	case yaml.SequenceNode:
		return "list"
	}
	return "value"
}

// Sorted sorts words, and returns them.
func Sorted(words []string) []string {
	slices.Sort(words)
	return words
}

// Values returns the entries of a list, or what is no list itself. An empty list is
// one null.
func (p *Reader) Values(n *yaml.Node) (all []*yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	if len(n.Content) == 0 {
		return []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}}
	}
	for _, c := range n.Content {
		if c = p.Follow(c); c == nil {
			return nil
		}
		all = append(all, c)
	}
	return all
}
