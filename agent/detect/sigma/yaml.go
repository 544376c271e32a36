package sigma

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

// document is one document of a file, and how many lines stand before it.
type document struct {
	text  []byte
	lines int
}

// documents splits a file at the marks between documents, which YAML does not
// allow inside of one. So a mistake in one leaves the others.
func documents(text []byte) (all []document) {
	var d document
	lines := 0
	for line := range bytes.Lines(text) {
		if mark := bytes.TrimRight(line, " \t\r\n"); string(mark) == "---" || bytes.HasPrefix(line, []byte("--- ")) {
			all = append(all, d)
			d = document{lines: lines}
		}
		d.text = append(d.text, line...)
		lines++
	}
	all = append(all, d)
	return slices.DeleteFunc(all, document.empty)
}

// empty reports whether a document has nothing but its mark, comments and
// directives.
func (d document) empty() bool {
	for line := range bytes.Lines(d.text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' && string(line) != "---" {
			return false
		}
	}
	return true
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// decode reads the document into nodes. Where it is not YAML, the problem is noted.
func (p *parser) decode(d document) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(d.text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		p.syntax(d, err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		p.fail(&second, ErrYAML, "a second document begins here without --- before it")
		return nil
	} else if !errors.Is(err, io.EOF) {
		p.syntax(d, err)
		return nil
	}
	return doc.Content[0]
}

// syntax notes an error of the YAML package. Its line may be the one where the
// block begins that has the mistake; of a tab we find the place.
func (p *parser) syntax(d document, err error) {
	problem, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		line, _ = strconv.Atoi(m[1])
		problem = problem[len(m[0]):]
	}
	if strings.Contains(problem, "tab character") || strings.Contains(problem, "cannot start any token") {
		if at := tab(d.text); at > 0 {
			line, problem = at, "a tab in the indentation, want spaces"
		}
	}
	if line > 0 {
		line += d.lines
	} else {
		line = d.lines + 1
	}
	p.add(&Problem{Line: line, Reason: "not YAML: " + problem, Kind: ErrYAML})
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

// entry is one line of a map.
type entry struct{ key, value *yaml.Node }

// entries returns the lines of a map. Its keys are different texts; what is not is
// noted, and ok is false.
func (p *parser) entries(n *yaml.Node) (all []entry, ok bool) {
	ok = true
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := p.follow(n.Content[i]), p.follow(n.Content[i+1])
		if key == nil || value == nil {
			return nil, false
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			p.fail(key, ErrSelection, "a key is a text, and here is a "+nodeKind(key))
			ok = false
		case key.ShortTag() == "!!merge":
			p.fail(key, ErrSelection, "merge keys are not read: write the keys out")
			ok = false
		case first[key.Value] != nil:
			p.fail(key, ErrDuplicate, "key "+shorten(key.Value)+" stands in line "+strconv.Itoa(p.line(first[key.Value]))+" already")
			ok = false
		default:
			first[key.Value] = key
			all = append(all, entry{key, value})
		}
	}
	return all, ok
}

// follow returns the node that an alias leads to, and counts it. It returns nil
// when the document leads to more nodes than it may.
func (p *parser) follow(n *yaml.Node) *yaml.Node {
	if p.nodes++; p.nodes > maxNodes {
		if p.nodes == maxNodes+1 {
			p.fail(n, ErrLimit, "the document leads to more than "+strconv.Itoa(maxNodes)+" values")
		}
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNullNode(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "map"
	case yaml.SequenceNode:
		return "list"
	}
	return "value"
}

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}
