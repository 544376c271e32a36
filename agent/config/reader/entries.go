package reader

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/spelling"
)

// Here is what a key of kindEntries has: a map of structs by name, whose fields are keys
// of a table of their own. Sources merge by name and key.

// entryType is the key that stands first in an entry, and chooses which others it may have.
const entryType = "type"

// entryNames returns the names of a map of structs, in order.
func entryNames(v any) (names []string) {
	for _, name := range reflect.ValueOf(v).MapKeys() {
		names = append(names, name.String())
	}
	slices.Sort(names)
	return names
}

// entryOf returns a pointer to a copy of one entry, or to the defaults of one.
func (k *Key) entryOf(v any, name string) reflect.Value {
	p := reflect.ValueOf(k.defaultEntry())
	if e := reflect.ValueOf(v).MapIndex(reflect.ValueOf(name)); e.IsValid() {
		p.Elem().Set(e)
	}
	return p
}

// defaultEntry returns a pointer to an entry with the defaults.
func (k *Key) defaultEntry() any {
	p := reflect.New(k.entry.typ).Interface()
	k.entry.SetDefaults(p)
	return p
}

// parseEntries reads NAME=TYPE,NAME=TYPE.
func (k *Key) parseEntries(text string) (any, error) {
	m := reflect.MakeMap(reflect.MapOf(reflect.TypeFor[string](), k.entry.typ))
	if text == "" {
		return m.Interface(), nil
	}
	typ := k.entry.byName[entryType]
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || m.MapIndex(reflect.ValueOf(name)).IsValid() {
			return nil, errEntries
		}
		if err := typ.check(value); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", entryType, name, err)
		}
		p := k.entryOf(m.Interface(), name)
		typ.field(p.Interface()).SetString(value)
		m.SetMapIndex(reflect.ValueOf(name), p.Elem())
	}
	return m.Interface(), nil
}

// formatEntries is the reverse of parseEntries, and leaves out all keys but the type.
func (k *Key) formatEntries(v any) string {
	names := entryNames(v)
	for i, name := range names {
		names[i] += "=" + k.entry.byName[entryType].field(k.entryOf(v, name).Interface()).String()
	}
	return strings.Join(names, ",")
}

// structs reads the entries of k.
func (w *walker) structs(k *Key, name string, n *yaml.Node) {
	all := w.mapping(name, n, "want names below it, and the keys of each below that")
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 { // {} is none at all
		none, _ := k.parseEntries("")
		w.found = append(w.found, assignment{key: k, name: name, value: none, origin: w.at(n)})
	}
	for _, e := range all {
		full := join(name, e.key.Value)
		if err := k.checkText(e.key.Value); err != nil {
			w.loader.Fail(ErrValue, w.at(e.key), full, ": %v", err)
			continue
		}
		w.entry(k, name, e)
		w.loader.origins[full] = w.at(e.key)
		w.loader.origins[name] = w.at(n)
	}
}

// entry reads the keys of one entry of k.
func (w *walker) entry(k *Key, name string, e pair) {
	full, before := join(name, e.key.Value), len(w.found)
	for _, p := range w.mapping(full, e.value, "want its keys below it") {
		key := k.entry.byName[p.key.Value]
		if key == nil {
			near := spelling.Nearest(p.key.Value, k.entry.names)
			if near != "" {
				near = join(full, near)
			}
			w.loader.errs.add(&Error{Origin: w.at(p.key), Key: join(full, p.key.Value), Near: near, Reason: ErrUnknown, detail: ": unknown key"})
			continue
		}
		w.value(key, join(full, p.key.Value), p.value)
	}
	for i := range w.found[before:] {
		a := &w.found[before+i]
		a.in, a.entry = k, e.key.Value
	}
	if len(w.found) == before { // it is there, with nothing but defaults
		w.found = append(w.found, assignment{key: k, name: name, value: e.key.Value, origin: w.at(e.key)})
	}
}

// setEntries writes a whole map, or the existence of one entry, or one key of one.
func (l *loader) setEntries(a assignment) {
	k, name := a.in, a.entry
	if k == nil {
		k = a.key
	}
	field := k.field(l.target)
	if whole := reflect.ValueOf(a.value); a.in == nil && whole.Kind() == reflect.Map {
		field.Set(whole) // a variable or a flag names all there are
		return
	}
	if a.in == nil {
		name = a.value.(string)
	}
	merged := reflect.MakeMap(field.Type())
	for _, other := range field.MapKeys() {
		merged.SetMapIndex(other, field.MapIndex(other))
	}
	p := k.entryOf(field.Interface(), name)
	if a.in != nil {
		to := a.key.field(p.Interface())
		if m, ok := a.value.(map[string]string); ok {
			all := maps.Clone(to.Interface().(map[string]string))
			maps.Copy(all, m)
			a.value = all
		}
		to.Set(reflect.ValueOf(a.value))
	}
	merged.SetMapIndex(reflect.ValueOf(name), p.Elem())
	if err := k.check(merged.Interface()); err != nil {
		l.Fail(ErrValue, a.origin, a.name, ": %v", err)
		return
	}
	field.Set(merged)
}

// entryFlag reads a setting of one key of an entry, false where its name is none.
func (l *loader) entryFlag(f Setting, at Origin) ([]assignment, bool) {
	for _, k := range l.table.keys {
		rest, ok := strings.CutPrefix(f.Key, k.Name+".")
		if !ok || k.kind != kindEntries {
			continue
		}
		name, key, _ := strings.Cut(rest, ".")
		sub := k.entry.byName[key]
		if sub == nil || k.checkText(name) != nil {
			return nil, false
		}
		a, ok := l.scalar(sub, f.Key, f.Value, at)
		if !ok {
			return nil, true
		}
		a.in, a.entry = k, name
		return []assignment{a}, true
	}
	return nil, false
}

// diffEntries returns what differs, key by key. Of an entry that comes or goes the type is
// enough.
func (k *Key) diffEntries(now, next any) (changes []Change) {
	a, b := k.field(now).Interface(), k.field(next).Interface()
	had, has := entryNames(a), entryNames(b)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(had, has)))) {
		was, is := slices.Contains(had, name), slices.Contains(has, name)
		old, fresh := k.entryOf(a, name).Interface(), k.entryOf(b, name).Interface()
		for _, sub := range k.entry.keys {
			x, y := sub.field(old).Interface(), sub.field(fresh).Interface()
			if was && is && reflect.DeepEqual(x, y) || was != is && sub.Name != entryType {
				continue
			}
			c := Change{Key: join(join(k.Name, name), sub.Name), Restart: k.Restart}
			if was {
				c.Old = sub.format(x)
			}
			if is {
				c.New = sub.format(y)
			}
			changes = append(changes, c)
		}
	}
	return changes
}

// entries writes what the entries have beside their defaults. Where keys are explained, all
// keys that an entry may have stand in comments.
func (p *printer) entries(k *Key, c any, indent int) {
	_, name := split(k.Name)
	all := k.field(c).Interface()
	names := entryNames(all)
	if len(names) == 0 {
		p.pair(indent, name+": {}", k.Name)
		return
	}
	p.pair(indent, name+":", k.Name)
	for _, entry := range names {
		full := join(k.Name, entry)
		p.pair(indent+2, quoted(entry)+":", full)
		e, plain := k.entryOf(all, entry).Interface(), k.defaultEntry()
		for _, sub := range k.entry.keys {
			if sub.Name == entryType || !reflect.DeepEqual(sub.field(e).Interface(), sub.field(plain).Interface()) {
				p.keyAs(sub, e, indent+4, join(full, sub.Name))
			}
		}
	}
	for _, sub := range k.entry.keys {
		lines := p.comment(sub, indent+4)
		if len(lines) == 0 {
			return
		}
		for _, text := range append(lines, "  "+sub.Name+": "+sub.yaml(k.defaultEntry())) {
			p.line(indent+4, "# "+text)
		}
	}
}

// EntryWords returns the words that may be chosen for a key of an entry, nil where there is
// no such choice.
func (k *Key) EntryWords(key string) []string {
	if k.entry == nil || k.entry.byName[key] == nil {
		return nil
	}
	return k.entry.byName[key].Words()
}

// EntryKeys returns the keys that entries may have.
func (k *Key) EntryKeys() []*Key {
	if k.entry == nil {
		return nil
	}
	return k.entry.Keys()
}

// IsOf reports whether an entry of that type may have the key.
func (k *Key) IsOf(typ string) bool { return k.types == nil || slices.Contains(k.types, typ) }
