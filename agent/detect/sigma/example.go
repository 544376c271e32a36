package sigma

import (
	"encoding/json"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
)

// Example is an event that a rule has to match, or must not. Examples stand in the
// rule itself, below a key of our own that other tools do not look at:
//
//	examples:
//	  matches:
//	    - {Image: /tmp/x}
//	  not:
//	    - {Image: /usr/bin/x}
//
// An example of a correlation is a list of events, which happen one after the other.
type Example struct {
	Line int
	Want bool   // it has to match
	JSON string // the event, with names of Sigma or others, or the list of them
}

// readExamples reads the examples of a rule. What has another form is another's key.
func readExamples(p *parser, n *yaml.Node, h *Head) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, list := n.Content[i], p.Follow(n.Content[i+1])
		if list == nil {
			return
		}
		if key.Value != "matches" && key.Value != "not" || list.Kind != yaml.SequenceNode {
			continue
		}
		for _, e := range list.Content {
			if e = p.Follow(e); e == nil {
				return
			}
			text, ok := p.example(e)
			if !ok {
				return
			}
			h.Examples = append(h.Examples, Example{p.Line(e), key.Value == "matches", text})
		}
	}
}

// example returns an event as JSON, or a list of them. Where that is wrong it notes why.
func (p *parser) example(n *yaml.Node) (text string, ok bool) {
	events := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		events = n.Content
	}
	valid := len(events) > 0
	for _, e := range events {
		if e.Kind == yaml.AliasNode {
			e = e.Alias
		}
		valid = valid && e.Kind == yaml.MappingNode && len(e.Content) > 0
	}
	if !valid {
		p.Fail(n, document.ErrValue, "an example is a map of fields, or a list of such maps")
		return "", false
	}
	v, ok := p.plain(n)
	if !ok {
		return "", false
	}
	b, err := json.Marshal(v)
	if err != nil {
		p.Fail(n, document.ErrValue, "an example has values of JSON: "+err.Error())
		return "", false
	}
	return string(b), true
}

// plain returns what a node is, in maps, lists and values of JSON. Aliases are followed,
// and what they lead to is counted each time.
func (p *parser) plain(n *yaml.Node) (v any, ok bool) {
	switch n.Kind {
	case yaml.MappingNode:
		entries, ok := p.Entries(n)
		if !ok {
			return nil, false
		}
		object := make(map[string]any, len(entries))
		for _, e := range entries {
			if object[e.Key.Value], ok = p.plain(e.Value); !ok || !p.items.Take(e.Key, len(e.Key.Value)) {
				return nil, false
			}
		}
		return object, true
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			if c = p.Follow(c); c == nil {
				return nil, false
			}
			x, ok := p.plain(c)
			if !ok {
				return nil, false
			}
			list = append(list, x)
		}
		return list, true
	}
	if err := n.Decode(&v); err != nil {
		p.Fail(n, document.ErrValue, "an example has values of YAML, and here is "+document.Shorten(n.Value))
		return nil, false
	}
	return v, p.items.Take(n, valueBytes+len(n.Value))
}

// valueBytes is what a value of an example takes besides its text, about.
const valueBytes = 64
