package sigma

import (
	"encoding/json"

	"go.yaml.in/yaml/v3"
)

// Example is an event that a rule has to match, or must not. Examples stand in the
// rule itself, below a key of our own that other tools do not look at:
//
//	examples:
//	  matches:
//	    - {Image: /tmp/x}
//	  not:
//	    - {Image: /usr/bin/x}
type Example struct {
	Line int
	Want bool   // it has to match
	JSON string // the event, with names of Sigma or others
}

// readExamples reads the examples of a rule. What has another form is another's key.
func readExamples(p *parser, n *yaml.Node, h *Head) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, list := n.Content[i], n.Content[i+1]
		if key.Value != "matches" && key.Value != "not" || list.Kind != yaml.SequenceNode {
			continue
		}
		for _, e := range list.Content {
			if e = p.follow(e); e == nil {
				return
			}
			var fields map[string]any
			text := []byte(nil)
			err := e.Decode(&fields)
			if err == nil {
				text, err = json.Marshal(fields)
			}
			if err != nil || len(fields) == 0 {
				p.fail(e, ErrValue, "an example is a map of fields")
				continue
			}
			h.Examples = append(h.Examples, Example{p.line(e), key.Value == "matches", string(text)})
		}
	}
}
