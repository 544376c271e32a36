package reader

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Key is one value that can be chosen. It is made from the tags of its field:
//
//	yaml     its name below its section
//	alias    a second name for the same value
//	flag     the flag of daemoneye-agent run
//	unit     what the flag's value is called; s: a number alone is in seconds
//	default  as an operator would write it
//	min max  bounds; of a text its length, of a list or map its number of entries
//	why      the reason for min
//	of       the words that may be chosen, of a list for each entry
//	match    the expression that a text, or each name of a map, has to match whole
//	want     the same in words
//	syntax   regexp or pattern: what a text, or each entry of a list, is in itself
//	values   the expression that each value of a map has to match whole
//	valuewant the same in words
//	secret   true: errors do not repeat the value
//	for      of a key of an entry: the types of entries that have it; others may not
//	change   live, clients or restart: what a reload does with it
//	help     what it is
//
// Immutable.
type Key struct {
	Name    string // such as broker.max_connections
	Alias   string // such as broker.connection_pool_size; empty for none
	Env     string // such as DAEMONEYE_BROKER_MAX_CONNECTIONS
	Flag    string // such as max-connections; empty for none
	Unit    string
	Default string
	Help    string
	Restart bool // a new value waits for the next start of the agent
	Clients bool // a new value is for clients that connect later

	kind     kind
	seconds  bool
	secret   bool
	min, max *bound
	why      string
	of       []string
	match    *matcher
	syntax   string
	values   *matcher // of the values of a map
	index    []int    // of the field, see reflect.Value.FieldByIndex
	entry    *Table   // of kindEntries: the keys of each entry
	types    []string // of entries that have it; nil for all
}

// section is one level of the file: keys and sections below it.
type section struct {
	name string // such as broker; empty at the top
	help string
	keys []*Key
	subs []*section
}

// Table holds the keys of a struct in the order of its fields. Immutable.
type Table struct {
	typ    reflect.Type
	top    *section
	keys   []*Key
	names  []string        // of keys and sections, aliases among them
	byName map[string]*Key // aliases among them
	byEnv  map[string]*Key // aliases among them
}

// Keys returns all keys, in the order of the sections. The caller must not change what the
// pointers lead to.
func (t *Table) Keys() []*Key { return slices.Clone(t.keys) }

// Lookup returns the key with that name or alias, nil for none.
func (t *Table) Lookup(name string) *Key { return t.byName[name] }

// HasSection reports whether there is a section of that name, such as broker.
func (t *Table) HasSection(name string) bool {
	s := t.top
	for at := ""; s != nil && at != name; {
		rest := strings.TrimPrefix(strings.TrimPrefix(name, at), ".")
		next, _, _ := strings.Cut(rest, ".")
		at = join(at, next)
		s = s.sub(at)
	}
	return s != nil
}

// NewTable makes the table of a struct. It panics for a tag that means nothing: a
// programmer's mistake.
func NewTable(t reflect.Type) *Table {
	tab := &Table{typ: t, byName: map[string]*Key{}, byEnv: map[string]*Key{}}
	tab.top = tab.section("", "", t, nil)
	return tab
}

func (t *Table) section(name, help string, typ reflect.Type, index []int) *section {
	s := &section{name: name, help: help}
	t.fields(s, typ, index)
	return s
}

// fields adds the fields of a struct to a section. Those of one that is embedded are the
// section's own.
func (t *Table) fields(s *section, typ reflect.Type, index []int) {
	name := s.name
	for i := range typ.NumField() {
		f := typ.Field(i)
		at, path := join(name, f.Tag.Get("yaml")), append(slices.Clone(index), i)
		if f.Anonymous {
			t.fields(s, f.Type, path)
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			t.names = append(t.names, at)
			s.subs = append(s.subs, t.section(at, f.Tag.Get("help"), f.Type, path))
			continue
		}
		k := newKey(at, f, path)
		if alias := f.Tag.Get("alias"); alias != "" {
			k.Alias = join(name, alias)
		}
		s.keys, t.keys = append(s.keys, k), append(t.keys, k)
		for _, n := range []string{k.Name, k.Alias} {
			if n == "" {
				continue
			}
			if t.byName[n] != nil || t.byEnv[envName(n)] != nil {
				panic("reader: key " + n + " stands there twice")
			}
			t.byName[n], t.byEnv[envName(n)] = k, k
			t.names = append(t.names, n)
		}
	}
}

func newKey(name string, f reflect.StructField, index []int) *Key {
	tag := f.Tag.Get
	k := &Key{
		Name: name, Env: envName(name), Flag: tag("flag"), Unit: tag("unit"), Default: tag("default"), Help: tag("help"),
		Restart: tag("change") == "restart", Clients: tag("change") == "clients", kind: kindOf(f.Type), seconds: tag("unit") == "s", why: tag("why"), index: index,
	}
	if k.kind == 0 || k.Help == "" || tag("yaml") == "" || !slices.Contains([]string{"live", "clients", "restart"}, tag("change")) {
		panic(fmt.Sprintf("reader: field %s: want a known type and the tags yaml, help and change", f.Name))
	}
	if of := tag("of"); of != "" {
		k.of = strings.Split(of, ",")
	}
	k.min, k.max, k.syntax = k.bound(tag("min")), k.bound(tag("max")), tag("syntax")
	k.secret = tag("secret") == "true"
	if types := tag("for"); types != "" {
		k.types = strings.Split(types, ",")
	}
	if k.kind == kindEntries {
		k.entry = NewTable(f.Type.Elem())
	}
	if m := tag("match"); m != "" {
		k.match = newMatcher(m, tag("want"))
	}
	if m := tag("values"); m != "" {
		k.values = newMatcher(m, tag("valuewant"))
	}
	if _, err := k.parse(k.Default); err != nil {
		panic(fmt.Sprintf("reader: default of %s: %v", name, err))
	}
	return k
}

// SetDefaults sets every value of c, a pointer to the table's struct.
func (t *Table) SetDefaults(c any) {
	for _, k := range t.keys {
		v, err := k.parse(k.Default)
		if err != nil {
			panic(err) // newKey has parsed the same text
		}
		k.field(c).Set(reflect.ValueOf(v))
	}
}

// field returns the key's field of c, a pointer to the table's struct.
func (k *Key) field(c any) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(k.index)
}

// Value returns the key's value in c, a pointer to the table's struct.
func (k *Key) Value(c any) any { return k.field(c).Interface() }

// Text returns the key's value in c as an operator would write it.
func (k *Key) Text(c any) string { return k.format(k.Value(c)) }

// Words returns the words that may be chosen, nil where there is no such choice.
func (k *Key) Words() []string { return slices.Clone(k.of) }

// envPrefix begins the names of all variables.
const envPrefix = "DAEMONEYE_"

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}
