package ecs

import (
	"strings"

	"github.com/daemoneye/eventbus/agent/event"
)

// Foreign is what a document of somebody else leaves open. What the document
// has goes before it.
type Foreign struct {
	Header event.Header
	Origin event.Origin
}

// Convert appends the JSON object doc as an event to dst and returns the
// extended buffer: a foreign event is converted once, and read as any other from
// then on. Names are those of event.FieldByName, whole or as objects in each
// other. What no table has, or has with another kind, is kept as text: see
// event.View.Extra.
//
// The type is that of event.category, or else of f.Header. Where it is neither,
// the error is ErrType. What is no JSON object gives ErrJSON.
func Convert(dst, doc []byte, f Foreign) ([]byte, error) {
	leaves, whole, err := flatten(doc)
	if err != nil {
		return dst, err
	}
	h := f.Header
	if !whole {
		h.Flags |= event.FieldsDropped
	}
	for _, l := range leaves {
		switch l.name {
		case "event.action":
			if o := event.OperationByName(l.text); o != 0 {
				h.Operation = o
			}
		case "event.category":
			if t := event.TypeByCategory(l.text); t != 0 {
				h.Type = t
			}
		}
	}
	d := event.NewDraft(h, f.Origin)
	if d == nil {
		return dst, ErrType
	}
	for _, l := range leaves {
		if name, ok := strings.CutPrefix(l.name, unmapped+"."); ok {
			d.Keep(name, l.text)
		} else {
			d.Set(l.name, l.text)
		}
	}
	return d.Append(dst), nil
}
