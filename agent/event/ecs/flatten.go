package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// The errors of Convert.
var (
	// ErrJSON means that a foreign event is not one JSON object.
	ErrJSON = errors.New("ecs: not a JSON object")
	// ErrType means that nothing shows the type of a foreign event.
	ErrType = errors.New("ecs: unknown type")
)

// Bounds on a foreign document. What is beyond is left out, and the event shows
// it with FieldsDropped; a deeper document is refused.
const (
	maxLeaves = 1024
	maxDepth  = 32
	maxName   = 255 // bytes
)

// leaf is one value of a document: its name, with dots between the names of the
// objects it is in, and its text. Elements of a list have the list's name.
type leaf struct{ name, text string }

// flatten returns the values of a JSON object, and whether these are all.
func flatten(doc []byte) (all []leaf, whole bool, err error) {
	d := flattener{dec: json.NewDecoder(bytes.NewReader(doc)), whole: true}
	d.dec.UseNumber()
	if t, err := d.dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false, ErrJSON
	}
	if err := d.object("", 1); err != nil {
		return nil, false, ErrJSON
	}
	if _, err := d.dec.Token(); err != io.EOF {
		return nil, false, ErrJSON
	}
	return d.all, d.whole, nil
}

type flattener struct {
	dec   *json.Decoder
	all   []leaf
	whole bool
}

// object takes the members of an object up to its end.
func (d *flattener) object(prefix string, depth int) error {
	for d.dec.More() {
		key, err := d.dec.Token()
		if err != nil {
			return err
		}
		if err := d.value(prefix+key.(string), depth); err != nil {
			return err
		}
	}
	_, err := d.dec.Token()
	return err
}

func (d *flattener) value(name string, depth int) error {
	t, err := d.dec.Token()
	if err != nil {
		return err
	}
	if depth == maxDepth {
		return ErrJSON
	}
	switch t := t.(type) {
	case json.Delim:
		if len(name) > maxName { // no name below it can be kept
			d.whole = false
			name = name[:maxName+1]
		}
		if t == '{' {
			return d.object(name+".", depth+1)
		}
		for d.dec.More() {
			if err := d.value(name, depth+1); err != nil {
				return err
			}
		}
		_, err := d.dec.Token()
		return err
	case string:
		d.leaf(name, t)
	case json.Number:
		d.leaf(name, t.String())
	case bool:
		d.leaf(name, strconv.FormatBool(t))
	}
	return nil
}

func (d *flattener) leaf(name, text string) {
	if len(d.all) == maxLeaves || len(name) > maxName || name == "" {
		d.whole = false
		return
	}
	d.all = append(d.all, leaf{name, text})
}
