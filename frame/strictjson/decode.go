package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Options bound a text. The zero value takes objects of any size, of DefaultDepth,
// without unknown keys.
type Options struct {
	// MaxBytes bounds the length of the text; 0 means no bound.
	MaxBytes int
	// MaxDepth bounds how many objects and lists may stand inside each other, the
	// outermost included; 0 means DefaultDepth.
	MaxDepth int
	// IgnoreUnknown skips keys that the struct does not have. It is for texts that
	// grow with the protocol: what a later version adds must not stop this one.
	IgnoreUnknown bool
}

// DefaultDepth is enough for everything that the bus exchanges.
const DefaultDepth = 8

// Unmarshal decodes text, which must be one object, into the struct that into
// points to. Keys that are absent or null leave their fields as they are. Errors are
// *Error. It panics if into is not a pointer to a struct of the types that the
// package knows.
func Unmarshal(text []byte, into any, o Options) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic("strictjson: unmarshal into something else than a pointer to a struct")
	}
	if o.MaxBytes > 0 && len(text) > o.MaxBytes {
		return &Error{"", o.MaxBytes, "longer than " + strconv.Itoa(o.MaxBytes) + " bytes"}
	}
	if !utf8.Valid(text) {
		return &Error{"", invalid(text), "not UTF-8"}
	}
	d := decoder{scanner{text: text, depth: o.MaxDepth}, o.IgnoreUnknown}
	if o.MaxDepth <= 0 {
		d.depth = DefaultDepth
	}
	if err := d.object(v.Elem()); err != nil {
		return err
	}
	if d.space(); d.at < len(text) {
		return d.errorf(d.at, "something stands behind the object: %s", d.what())
	}
	return nil
}

// invalid returns the offset of the first byte that is not UTF-8.
func invalid(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return len(text)
}

// Types that are decoded in a way of their own.
var (
	rawType  = reflect.TypeFor[json.RawMessage]()
	textType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

type decoder struct {
	scanner
	ignoreUnknown bool
}

// value decodes what comes next into v.
func (d *decoder) value(v reflect.Value) error {
	switch {
	case v.Type() == rawType:
		return d.raw(v)
	case v.CanAddr() && reflect.PointerTo(v.Type()).Implements(textType):
		return d.text(v)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.object(v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(v.Elem())
	case reflect.Slice:
		return d.list(v)
	case reflect.Map:
		return d.dictionary(v)
	case reflect.String:
		text, err := d.str()
		v.SetString(string(text))
		return err
	case reflect.Bool:
		b, err := d.boolean()
		v.SetBool(b)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return d.signed(v)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return d.unsigned(v)
	}
	panic("strictjson: fields of type " + v.Type().String() + " are not known")
}

// raw keeps the text of a value, which is checked as one that is skipped.
func (d *decoder) raw(v reflect.Value) error {
	d.space()
	start := d.at
	if err := d.skip(); err != nil {
		return err
	}
	v.SetBytes(bytes.Clone(d.scanner.text[start:d.at]))
	return nil
}

// text decodes a string by the type's own method.
func (d *decoder) text(v reflect.Value) error {
	d.space()
	start := d.at
	s, err := d.str()
	if err != nil {
		return err
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(bytes.Clone(s)); err != nil {
		return d.errorf(start, "%v", err)
	}
	return nil
}

// members reads an object and calls visit with each key, for the value behind it.
// No key comes twice.
func (d *decoder) members(visit func(key []byte) error) error {
	if err := d.enter('{', "an object"); err != nil {
		return err
	}
	var seen map[string]struct{}
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil || !more {
			return err
		}
		if d.space() != '"' {
			return d.errorf(d.at, "want a key, got %s", d.what())
		}
		start := d.at
		key, err := d.str()
		if err != nil {
			return err
		}
		// A copy, because the scanner puts the next string together in the same place;
		// and never nil, which stands for an entry of a list.
		key = append([]byte{}, key...)
		d.path = append(d.path, step{key: key})
		if _, twice := seen[string(key)]; twice {
			return d.errorf(start, "the key stands twice")
		}
		if seen == nil {
			seen = make(map[string]struct{})
		}
		seen[string(key)] = struct{}{}
		if err := d.take(':', "behind the key"); err != nil {
			return err
		}
		if err := visit(key); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
}

// entries reads a list and calls visit for each entry.
func (d *decoder) entries(visit func(i int) error) error {
	if err := d.enter('[', "a list"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := d.more(i == 0, ']')
		if err != nil || !more {
			return err
		}
		d.path = append(d.path, step{index: i})
		if err := visit(i); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
}

// object decodes an object into the struct v.
func (d *decoder) object(v reflect.Value) error {
	return d.members(func(key []byte) error {
		f, known := field(v, key)
		switch {
		case !known && !d.ignoreUnknown:
			return d.errorf(d.at, "the key is unknown")
		case !known:
			return d.skip()
		case d.null():
			return nil
		}
		return d.value(f)
	})
}

// field returns the field of v that the key names.
func field(v reflect.Value, key []byte) (f reflect.Value, ok bool) {
	t := v.Type()
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous {
			panic("strictjson: embedded fields are not known: " + t.String() + "." + sf.Name)
		}
		tag := sf.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		if name == "" {
			name = sf.Name
		}
		if tag != "-" && sf.IsExported() && name == string(key) {
			return v.Field(i), true
		}
	}
	return f, false
}

// dictionary decodes an object into the map v.
func (d *decoder) dictionary(v reflect.Value) error {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		panic("strictjson: maps with other keys than strings are not known: " + t.String())
	}
	v.Set(reflect.MakeMap(t))
	return d.members(func(key []byte) error {
		e := reflect.New(t.Elem()).Elem()
		if err := d.value(e); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(string(key)).Convert(t.Key()), e)
		return nil
	})
}

// list decodes a list into the slice v.
func (d *decoder) list(v reflect.Value) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	return d.entries(func(i int) error {
		if i == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(i + 1)
		v.Index(i).SetZero()
		return d.value(v.Index(i))
	})
}

// whole takes an integer off.
func (d *decoder) whole() (text []byte, start int, err error) {
	d.space()
	start = d.at
	text, integer, err := d.number()
	if err == nil && !integer {
		err = d.errorf(start, "want an integer without fraction or exponent, got %s", shown(text))
	}
	return text, start, err
}

func (d *decoder) signed(v reflect.Value) error {
	text, start, err := d.whole()
	if err != nil {
		return err
	}
	bits := v.Type().Bits()
	n, err := strconv.ParseInt(string(text), 10, bits)
	if err != nil {
		return d.errorf(start, "want an integer of %d to %d, got %s", int64(-1)<<(bits-1), int64(1)<<(bits-1)-1, shown(text))
	}
	v.SetInt(n)
	return nil
}

func (d *decoder) unsigned(v reflect.Value) error {
	text, start, err := d.whole()
	if err != nil {
		return err
	}
	bits := v.Type().Bits()
	n, err := strconv.ParseUint(strings.TrimPrefix(string(text), "-"), 10, bits)
	if err != nil || text[0] == '-' && n > 0 { // -0 is 0
		return d.errorf(start, "want an integer of 0 to %d, got %s", ^uint64(0)>>(64-bits), shown(text))
	}
	v.SetUint(n)
	return nil
}

// skip reads a value that nobody wants.
func (d *decoder) skip() (err error) {
	switch c := d.space(); {
	case c == '{':
		return d.members(func([]byte) error { return d.skip() })
	case c == '[':
		return d.entries(func(int) error { return d.skip() })
	case c == '"':
		_, err = d.str()
	case c == 't', c == 'f':
		_, err = d.boolean()
	case c == 'n' && d.null():
	case c == '-', '0' <= c && c <= '9':
		_, _, err = d.number()
	default:
		err = d.errorf(d.at, "want a value, got %s", d.what())
	}
	return err
}
