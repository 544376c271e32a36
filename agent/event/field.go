package event

import (
	"fmt"
	"slices"
	"strings"
)

// Table is a set of fields: what an event of a type has, or a gap of any type.
type Table uint8

// The tables. A table of a type has the type's number, which no type shares with
// TableGap.
const (
	TableProcess     = Table(TypeProcess)
	TableNetwork     = Table(TypeNetwork)
	TableFilesystem  = Table(TypeFilesystem)
	TablePerformance = Table(TypePerformance)
	TableGap         = Table(5)
	tables           = 6 // 0 is none
)

var tableNames = [tables]string{
	TableProcess:     "process",
	TableNetwork:     "network",
	TableFilesystem:  "filesystem",
	TablePerformance: "performance",
	TableGap:         "gap",
}

// String returns the name of t, "unknown" for a table that this version does not
// have.
func (t Table) String() string { return nameOf(tableNames[:], uint8(t)) }

// tableOf returns the table of an event.
func tableOf(t Type, o Operation) Table {
	if o == OpGap {
		return TableGap
	}
	return Table(t)
}

// TableByName is the reverse of String, 0 for a name that there is not.
func TableByName(name string) Table {
	for i, n := range tableNames {
		if n == name && name != "" {
			return Table(i)
		}
	}
	return 0
}

// Kind is what a field holds, and so how it is read.
type Kind uint8

// The kinds.
const (
	KindText    Kind = iota + 1 // View.Text
	KindList                    // several texts: View.Len and View.Item
	KindNumber                  // View.Uint
	KindID                      // a number that names something, such as a user: View.Uint; text in JSON
	KindTime                    // View.Uint gives nanoseconds since 1970
	KindRatio                   // View.Uint gives millionths
	KindNumbers                 // several numbers: View.Len and View.ItemUint
	KindPairs                   // texts with names of their own: View.Pairs; one of them: labels.NAME, KindText
	KindKey                     // an identity made of numbers; only in JSON
)

var kindNames = [...]string{
	KindText: "text", KindList: "texts", KindNumber: "number", KindID: "id", KindTime: "time",
	KindRatio: "ratio", KindNumbers: "numbers", KindPairs: "pairs", KindKey: "key",
}

// String returns the name of k.
func (k Kind) String() string { return nameOf(kindNames[:], uint8(k)) }

// Field is one field of a table, found once with FieldByName and then read with
// the methods of View. The zero Field is none: every view lacks it.
//
// Immutable, and so safe for concurrent use.
type Field struct{ s *spec }

// FieldByName finds a field of t by its name in the Elastic Common Schema or in
// Sigma, which has several for some. A single label is labels.NAME. A table that
// this version does not have has the fields of every event.
func FieldByName(t Table, name string) (Field, bool) {
	names := index[t.known()]
	if s, ok := names[name]; ok {
		return Field{s}, true
	}
	if label, ok := strings.CutPrefix(name, labelPrefix); ok && label != "" {
		s := *labels
		s.name, s.kind, s.label = name, KindText, label
		return Field{&s}, true
	}
	return Field{}, false
}

// known returns t, or 0 if this version does not have it.
func (t Table) known() Table {
	if t < tables {
		return t
	}
	return 0
}

const labelPrefix = "labels."

// MustField is FieldByName for names that stand in a program: it panics where
// there is no such field.
func MustField(t Table, name string) Field {
	f, ok := FieldByName(t, name)
	if !ok {
		panic(fmt.Sprintf("event: table %v has no field %q", t, name))
	}
	return f
}

// Fields returns the fields of t in the order of the layout: those of every
// event first, then who acted, then the table's own.
func (t Table) Fields() []Field {
	var all []Field
	for _, s := range fields[t.known()] {
		all = append(all, Field{s})
	}
	return all
}

// IsZero reports whether f is none.
func (f Field) IsZero() bool { return f.s == nil }

// Name returns the field's name in the Elastic Common Schema, or below
// daemoneye where that has none.
func (f Field) Name() string { return f.s.name }

// Aliases returns its names in Sigma rules.
func (f Field) Aliases() []string { return strings.Fields(f.s.sigma) }

// Kind returns what it holds.
func (f Field) Kind() Kind { return f.s.kind }

// Doc returns one line about it.
func (f Field) Doc() string { return f.s.doc }

// Unread returns the flags of which any means that the field could not be read.
func (f Field) Unread() Flags { return f.s.unread }

// Partial returns the flags of which any means that the field is not all there.
func (f Field) Partial() Flags { return f.s.partial }

// Inherited returns the field that reads what was inherited as well: with
// ImageInherited it is what the process had before its exec. It is for people to
// look at, and not for rules.
func (f Field) Inherited() Field {
	s := *f.s
	s.inherit = true
	return Field{&s}
}

// Own reports whether the field is of its table alone, and not of every event.
func (f Field) Own() bool { return f.s.table != 0 }

// Place returns where the field lies, as LAYOUT.md does: "actor string 4" or
// "actor +12 u32".
func (f Field) Place() string { return f.s.where() }

// fields are the fields of each table in the order of the layout, for table 0
// those of every event; index finds them by each of their names.
var (
	common = slices.Concat(pointers(head.specs), pointers(origin.specs), pointers(actor.specs))
	fields = [tables][]*spec{
		0:                common,
		TableProcess:     slices.Concat(common, pointers(detail.specs)),
		TableNetwork:     slices.Concat(common, pointers(connection.specs)),
		TableFilesystem:  slices.Concat(common, pointers(file.specs)),
		TablePerformance: slices.Concat(common, pointers(usage.specs)),
		TableGap:         slices.Concat(common, pointers(loss.specs)),
	}
	index = indexAll()
)

func pointers(specs []spec) []*spec {
	all := make([]*spec, len(specs))
	for i := range specs {
		all[i] = &specs[i]
	}
	return all
}

func indexAll() (all [tables]map[string]*spec) {
	for t, list := range fields {
		all[t] = make(map[string]*spec)
		for _, s := range list {
			for _, name := range append(strings.Fields(s.sigma), s.name) {
				if all[t][name] != nil {
					panic(fmt.Sprintf("event: table %v has two fields %q", Table(t), name))
				}
				all[t][name] = s
			}
		}
	}
	return all
}
