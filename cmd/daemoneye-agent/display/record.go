package display

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Record is one event. Immutable.
type Record struct {
	object map[string]any
	alias  func(name string) (string, bool)
}

// Aliased returns r with other names for its fields: alias returns the name that a
// field has in the record for another one.
func (r Record) Aliased(alias func(name string) (string, bool)) Record {
	r.alias = alias
	return r
}

// ParseJSON makes a record of one JSON object. Of another value the record has no
// fields, and ok is false.
func ParseJSON(b []byte) (r Record, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a large number stays as it was written
	var v any
	if err := d.Decode(&v); err != nil {
		return Record{}, false
	}
	r.object, ok = v.(map[string]any)
	return r, ok
}

// Inner returns the record that a member of r is. Where it is no object, the record has no
// fields.
func (r Record) Inner(name string) Record {
	object, _ := r.object[name].(map[string]any)
	return Record{object: object}
}

// Field returns the value of a field as text, and whether there is one. A name such as
// process.parent.pid leads into objects, or is the name of a member as it is. Of a list
// the elements stand behind each other, with commas.
func (r Record) Field(name string) (text string, ok bool) {
	v, ok := r.find(name)
	if !ok {
		return "", false
	}
	return textOf(v), true
}

// Value returns the value of a field as JSON, and whether there is one.
func (r Record) Value(name string) (b []byte, ok bool) {
	v, ok := r.find(name)
	if !ok {
		return nil, false
	}
	b, err := json.Marshal(v)
	return b, err == nil
}

func (r Record) find(name string) (any, bool) {
	if v, ok := find(r.object, name); ok || r.alias == nil {
		return v, ok
	}
	name, ok := r.alias(name)
	if !ok {
		return nil, false
	}
	return find(r.object, name)
}

func find(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	// The longest name of a member first, because members may have dots too.
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if inner, ok := object[name[:i]].(map[string]any); ok {
			if v, ok := find(inner, name[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		all := make([]string, len(v))
		for i := range v {
			all[i] = textOf(v[i])
		}
		return strings.Join(all, ",")
	case nil:
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
