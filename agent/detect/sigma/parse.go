package sigma

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/item"
)

// Options are what an operator chooses about rules. The zero Options know no
// placeholder.
type Options struct {
	// Placeholders are what stands for %name% under the modifier expand. The values
	// are written as rules write them: with wildcards.
	Placeholders map[string][]string

	room *item.Room // for what the rules of a set expand to
}

// File is what a file holds.
type File struct {
	Rules        []*Rule
	Filters      []*Filter
	Correlations []*Correlation
	Problems     []*document.Problem // in the order of the file, warnings too
}

// Parse reads the documents of a file. The name is that in problems.
func Parse(name string, text []byte, o Options) File {
	var f File
	if len(text) > MaxFile {
		f.Problems = append(f.Problems, &document.Problem{
			File: name, Kind: document.ErrLimit, Reason: fmt.Sprintf("the file has more than %d bytes", MaxFile),
		})
		return f
	}
	docs := document.Split(name, text)
	if len(docs) == 0 {
		f.Problems = append(f.Problems, &document.Problem{File: name, Kind: document.ErrHead, Reason: "the file holds no rule"})
	}
	room := o.room
	if room == nil {
		room = item.NewRoom(maxExpanded)
	}
	for _, d := range docs {
		p := parser{d, &item.Reader{Reader: d, Placeholders: o.Placeholders, Room: room}}
		left := room.Left
		if n := p.Decode(); n != nil {
			p.read(n, &f)
		}
		if p.Failed {
			room.Left = left // nothing of it is kept
		}
		f.Problems = append(f.Problems, p.Problems...)
	}
	return f
}

// parser reads one document.
type parser struct {
	*document.Reader
	items *item.Reader
}

// read reads a document and adds what it holds to f.
func (p *parser) read(n *yaml.Node, f *File) {
	if n = p.Follow(n); n.Kind != yaml.MappingNode {
		p.Fail(n, document.ErrHead, "a rule is a map, and here is a "+document.NodeKind(n))
		return
	}
	entries, ok := p.Entries(n)
	p.Name(entries)
	if !ok {
		p.Rename()
		return
	}
	find := func(key string) *yaml.Node {
		for _, e := range entries {
			if e.Key.Value == key {
				return e.Value
			}
		}
		return nil
	}
	switch {
	case find("action") != nil:
		p.Fail(n, document.ErrHead, "action is of an older format: write each rule out")
	case find("correlation") != nil:
		c := &Correlation{Head: p.newHead(n)}
		p.head(n, entries, &c.Head, correlationKind)
		p.correlation(find("correlation"), c)
		if !p.Failed {
			f.Correlations = append(f.Correlations, c)
		}
	case find("filter") != nil:
		x := &Filter{Head: p.newHead(n)}
		p.head(n, entries, &x.Head, filterKind)
		p.filter(find("filter"), x)
		if !p.Failed {
			f.Filters = append(f.Filters, x)
		}
	default:
		r := &Rule{Head: p.newHead(n)}
		p.head(n, entries, &r.Head, ruleKind)
		if d := find("detection"); d != nil {
			p.detection(d, &r.Body)
		}
		if !p.Failed {
			f.Rules = append(f.Rules, r)
		}
	}
}

func (p *parser) newHead(n *yaml.Node) Head {
	return Head{File: p.File, Line: p.Line(n), Digest: p.digest()}
}

// digest is that of a head.
func (p *parser) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(bytes.TrimSpace(bytes.TrimPrefix(p.Source, []byte("---"))))
	if bytes.Contains(p.Source, []byte("expand")) { // else no placeholder is looked at
		for _, name := range slices.Sorted(maps.Keys(p.items.Placeholders)) {
			fmt.Fprintf(h, "%q %q\n", name, p.items.Placeholders[name])
		}
	}
	h.Sum(sum[:0])
	return sum
}
