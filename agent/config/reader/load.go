package reader

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/agent/spelling"
)

// Sources are where a configuration comes from, in rising precedence.
type Sources struct {
	// File is read, and after it the files *.yaml of the folder conf.d beside it, in
	// the order of their names. Empty is none.
	File string
	// Optional is set where File may be missing.
	Optional bool
	// Environ holds variables as os.Environ does; those that begin with DAEMONEYE_
	// are read.
	Environ []string
	// Flags are what the command line chose. Of two for one key the last counts.
	Flags []Setting
}

// Setting is one value of the command line.
type Setting struct {
	Flag  string // as the user typed it, with its dashes
	Key   string // its name or alias
	Value string
}

// Result is what was read beside the values: where they come from, and what is wrong.
type Result struct {
	// Files were read, in this order.
	Files []string
	// Warnings are about what has no effect: unknown variables.
	Warnings []string

	origins map[string]Origin // by key, and by key and name for the entries of a map
	errs    Errors
}

// Origin returns where the value of a key comes from; of the entry of a map the key
// is such as labels.team.
func (r *Result) Origin(key string) Origin { return r.origins[key] }

// Given reports whether a source has a value for the key.
func (r *Result) Given(key string) bool {
	_, ok := r.origins[key]
	return ok
}

// Fail notes a mistake. detail follows the subject in the text of the error.
func (r *Result) Fail(reason error, at Origin, key, format string, args ...any) {
	r.errs.add(&Error{Origin: at, Key: key, Reason: reason, detail: fmt.Sprintf(format, args...)})
}

// Err returns an *Errors with every mistake that there is, nil for none.
func (r *Result) Err() error { return r.errs.err() }

// Load fills target, a pointer to the table's struct. With mistakes it has all values that
// are right.
func (t *Table) Load(target any, s Sources) *Result {
	l := newLoader(t, target)
	l.run(s)
	return l.Result
}

// Parse fills target from the text of one file over the defaults, and nothing else. path is
// what errors and origins call it.
func (t *Table) Parse(target any, path string, text []byte) *Result {
	l := newLoader(t, target)
	l.file(file{path, text})
	return l.Result
}

// loader fills a struct from its sources. One goroutine at a time.
type loader struct {
	*Result
	table  *Table
	target any
	read   func(path string) ([]byte, error) // readFile but in tests
}

// newLoader gives target, a pointer to the table's struct, its defaults.
func newLoader(t *Table, target any) *loader {
	t.SetDefaults(target)
	return &loader{Result: &Result{origins: map[string]Origin{}}, table: t, target: target, read: readFile}
}

func (l *loader) run(s Sources) {
	for _, f := range l.readFiles(s) {
		l.file(f)
	}
	l.apply(l.environment(s.Environ))
	l.apply(l.flags(s.Flags))
}

func (l *loader) file(f file) {
	l.Files = append(l.Files, f.path)
	before := len(l.errs.List)
	l.apply(l.parseFile(f.path, f.text))
	slices.SortStableFunc(l.errs.List[before:], func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// assignment is one value of one source.
type assignment struct {
	key     *Key
	name    string // as it was written: the key's name or alias
	value   any
	origin  Origin
	entries map[string]Origin // of a map that is spread over lines
	in      *Key              // where the key is one of an entry: that of all entries
	entry   string            // its name
}

// full is the name of what is assigned.
func (a *assignment) full() string {
	if a.in == nil {
		return a.key.Name
	}
	return join(join(a.in.Name, a.entry), a.key.Name)
}

// scalar parses and checks one text; ok is false for a mistake, which is noted.
func (l *loader) scalar(k *Key, name, text string, at Origin) (a assignment, ok bool) {
	v, err := k.parse(text)
	if err == nil {
		err = k.check(v)
	}
	if err != nil && k.secret {
		l.Fail(ErrValue, at, name, ": %v", err)
		return a, false
	}
	if err != nil {
		l.Fail(ErrValue, at, name, " is %s, %v", shown(k, text), err)
		return a, false
	}
	return assignment{key: k, name: name, value: v, origin: at}, true
}

// shown quotes what is not a number, and shortens what is long.
func shown(k *Key, text string) string {
	text = shorten(text)
	switch k.kind {
	case kindInt, kindSize, kindDuration:
		if strings.Trim(text, "0123456789.-BKMGTikhmsdnuµ") == "" && text != "" {
			return text
		}
	}
	return fmt.Sprintf("%q", text)
}

// apply puts the values of one source in force. Two names of one key must have the
// same value.
func (l *loader) apply(all []assignment) {
	latest := map[*Key]assignment{}
	for _, a := range all {
		if b, ok := latest[a.key]; ok && a.in == nil && a.name != b.name && !reflect.DeepEqual(a.value, b.value) {
			l.Fail(ErrConflict, a.origin, a.name, " is %s, but %s, which is the same, is %s",
				a.key.format(a.value), b.where(), a.key.format(b.value))
			continue
		}
		latest[a.key] = a
		l.set(a)
	}
}

// where names the assignment within the same source.
func (a assignment) where() string {
	if a.origin.Layer == LayerFile {
		return fmt.Sprintf("%s in line %d", a.name, a.origin.Line)
	}
	return a.origin.Name
}

// set writes one value. Maps merge, everything else is replaced.
func (l *loader) set(a assignment) {
	l.origins[a.full()] = a.origin
	if a.in != nil || a.key.kind == kindEntries {
		l.setEntries(a)
		return
	}
	field := a.key.field(l.target)
	m, ok := a.value.(map[string]string)
	if !ok {
		field.Set(reflect.ValueOf(a.value))
		return
	}
	merged := maps.Clone(field.Interface().(map[string]string))
	for name, value := range m {
		merged[name] = value
		at := a.origin
		if o, ok := a.entries[name]; ok {
			at = o
		}
		l.origins[join(a.key.Name, name)] = at
	}
	if err := a.key.check(merged); err != nil {
		l.Fail(ErrValue, a.origin, a.name, " has %d entries with those of other sources, %v", len(merged), err)
		return
	}
	field.Set(reflect.ValueOf(merged))
}

// environment reads the variables. An empty one counts as one that is not set.
func (l *loader) environment(environ []string) (all []assignment) {
	for _, e := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, envPrefix) || name == FileVariable || text == "" {
			continue
		}
		k := l.table.byEnv[name]
		if k == nil {
			w := name + ": no key has this variable"
			if near := spelling.Nearest(name, slices.Sorted(maps.Keys(l.table.byEnv))); near != "" {
				w += "; do you mean " + near + "?"
			}
			l.Warnings = append(l.Warnings, w)
			continue
		}
		written := k.Name
		if name != k.Env {
			written = k.Alias
		}
		if a, ok := l.scalar(k, written, text, Origin{Layer: LayerEnvironment, Name: name}); ok {
			all = append(all, a)
		}
	}
	return all
}

func (l *loader) flags(flags []Setting) (all []assignment) {
	for _, f := range flags {
		at := Origin{Layer: LayerFlag, Name: f.Flag}
		k := l.table.byName[f.Key]
		if a, ok := l.entryFlag(f, at); ok {
			all = append(all, a...)
			continue
		}
		if k == nil {
			section, last := split(f.Key)
			l.errs.add(&Error{
				Origin: at, Key: f.Key, Near: l.table.near(section, last), Reason: ErrUnknown,
				detail: fmt.Sprintf(": there is no key %q", f.Key),
			})
			continue
		}
		if a, ok := l.scalar(k, f.Key, f.Value, at); ok {
			all = append(all, a)
		}
	}
	return all
}
