package document

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Reader reads the nodes of one document, and notes what is wrong with them.
//
// One goroutine at a time.
type Reader struct {
	File     string
	Source   []byte // the text of the document
	lines    int    // before it in the file
	Problems []*Problem
	Failed   bool   // one of them is no warning
	rule     string // what it is called, once that is known
	nodes    int    // that were followed
	over     bool   // a limit was noted: what follows from it is no problem of its own
}

// Line returns the line of a node in the file.
func (p *Reader) Line(n *yaml.Node) int { return n.Line + p.lines }

// Add notes a problem of this document.
func (p *Reader) Add(x *Problem) {
	if p.over {
		return
	}
	x.File, x.Rule = p.File, p.rule
	p.Problems = append(p.Problems, x)
	p.Failed = p.Failed || !x.Warning
}

// Fail notes a problem, so that the document is not read.
func (p *Reader) Fail(n *yaml.Node, kind error, reason string) {
	p.Add(&Problem{Line: p.Line(n), Column: n.Column, Reason: reason, Kind: kind})
}

// Over notes that a document is beyond a limit. No problem is noted after it.
func (p *Reader) Over(n *yaml.Node, reason string) {
	p.Fail(n, ErrLimit, reason)
	p.over = true
}

// FailNear is Fail with the nearest right spelling.
func (p *Reader) FailNear(n *yaml.Node, kind error, reason, near string) {
	p.Add(&Problem{Line: p.Line(n), Column: n.Column, Reason: reason, Near: near, Kind: kind})
}

// Warn notes what the author likely did not mean.
func (p *Reader) Warn(n *yaml.Node, kind error, reason string) {
	p.Add(&Problem{Line: p.Line(n), Column: n.Column, Reason: reason, Kind: kind, Warning: true})
}

// Name finds out what the rule is called, so that problems can name it.
func (p *Reader) Name(entries []Entry) {
	for _, key := range []string{"title", "id", "name"} {
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Key.Value == key })
		if i >= 0 && entries[i].Value.Kind == yaml.ScalarNode && entries[i].Value.Value != "" {
			p.rule = entries[i].Value.Value
			if len(p.rule) > MaxWord {
				p.rule = strings.ToValidUTF8(p.rule[:MaxWord], "") + "…"
			}
			return
		}
	}
}

// Rename names the rule in the problems that were noted before its name was known.
func (p *Reader) Rename() {
	for _, x := range p.Problems {
		x.Rule = p.rule
	}
}
