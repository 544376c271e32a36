package sigma

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Options are what an operator chooses about rules. The zero Options know no
// placeholder.
type Options struct {
	// Placeholders are what stands for %name% under the modifier expand. The values
	// are written as rules write them: with wildcards.
	Placeholders map[string][]string
}

// File is what a file holds.
type File struct {
	Rules        []*Rule
	Filters      []*Filter
	Correlations []*Correlation
	Problems     []*Problem // in the order of the file, warnings too
}

// Parse reads the documents of a file. The name is that in problems.
func Parse(name string, text []byte, o Options) File {
	var f File
	if len(text) > MaxFile {
		f.Problems = append(f.Problems, &Problem{
			File: name, Kind: ErrLimit, Reason: fmt.Sprintf("the file has more than %d bytes", MaxFile),
		})
		return f
	}
	docs := documents(text)
	if len(docs) == 0 {
		f.Problems = append(f.Problems, &Problem{File: name, Kind: ErrHead, Reason: "the file holds no rule"})
	}
	for _, d := range docs {
		p := parser{file: name, document: d, options: &o}
		if n := p.decode(d); n != nil {
			p.read(n, &f)
		}
		f.Problems = append(f.Problems, p.problems...)
	}
	return f
}

// parser reads one document.
type parser struct {
	file     string
	document document
	options  *Options
	problems []*Problem
	failed   bool
	rule     string // what it is called, once that is known

	nodes, atoms  int
	near          string // for the next problem
	numberWarning string
}

func (p *parser) line(n *yaml.Node) int { return n.Line + p.document.lines }

func (p *parser) add(x *Problem) {
	x.File, x.Rule = p.file, p.rule
	if x.Near == "" {
		x.Near, p.near = p.near, ""
	}
	p.problems = append(p.problems, x)
	p.failed = p.failed || !x.Warning
}

func (p *parser) fail(n *yaml.Node, kind error, reason string) {
	p.add(&Problem{Line: p.line(n), Column: n.Column, Reason: reason, Kind: kind})
}

func (p *parser) failNear(n *yaml.Node, kind error, reason, near string) {
	p.add(&Problem{Line: p.line(n), Column: n.Column, Reason: reason, Near: near, Kind: kind})
}

func (p *parser) warn(n *yaml.Node, kind error, reason string) {
	p.add(&Problem{Line: p.line(n), Column: n.Column, Reason: reason, Kind: kind, Warning: true})
}

// read reads a document and adds what it holds to f.
func (p *parser) read(n *yaml.Node, f *File) {
	if n = p.follow(n); n.Kind != yaml.MappingNode {
		p.fail(n, ErrHead, "a rule is a map, and here is a "+nodeKind(n))
		return
	}
	entries, ok := p.entries(n)
	p.name(entries)
	if !ok {
		p.rename()
		return
	}
	find := func(key string) *yaml.Node {
		for _, e := range entries {
			if e.key.Value == key {
				return e.value
			}
		}
		return nil
	}
	switch {
	case find("action") != nil:
		p.fail(n, ErrHead, "action is of an older format: write each rule out")
	case find("correlation") != nil:
		c := &Correlation{Head: p.newHead(n)}
		p.head(n, entries, &c.Head, correlationKind)
		p.correlation(find("correlation"), c)
		if !p.failed {
			f.Correlations = append(f.Correlations, c)
		}
	case find("filter") != nil:
		x := &Filter{Head: p.newHead(n)}
		p.head(n, entries, &x.Head, filterKind)
		p.filter(find("filter"), x)
		if !p.failed {
			f.Filters = append(f.Filters, x)
		}
	default:
		r := &Rule{Head: p.newHead(n)}
		p.head(n, entries, &r.Head, ruleKind)
		if d := find("detection"); d != nil {
			p.detection(d, &r.Body)
		}
		if !p.failed {
			f.Rules = append(f.Rules, r)
		}
	}
}

func (p *parser) newHead(n *yaml.Node) Head {
	return Head{File: p.file, Line: p.line(n), Digest: p.digest()}
}

// digest is that of a head.
func (p *parser) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(bytes.TrimSpace(bytes.TrimPrefix(p.document.text, []byte("---"))))
	if bytes.Contains(p.document.text, []byte("expand")) { // else no placeholder is looked at
		for _, name := range slices.Sorted(maps.Keys(p.options.Placeholders)) {
			fmt.Fprintf(h, "%q %q\n", name, p.options.Placeholders[name])
		}
	}
	h.Sum(sum[:0])
	return sum
}

// name finds out what the rule is called, so that problems can name it.
func (p *parser) name(entries []entry) {
	for _, key := range []string{"title", "id", "name"} {
		i := slices.IndexFunc(entries, func(e entry) bool { return e.key.Value == key })
		if i >= 0 && entries[i].value.Kind == yaml.ScalarNode && entries[i].value.Value != "" {
			p.rule = entries[i].value.Value
			return
		}
	}
}

// rename names the rule in the problems that were noted before its name was known.
func (p *parser) rename() {
	for _, x := range p.problems {
		x.Rule = p.rule
	}
}
