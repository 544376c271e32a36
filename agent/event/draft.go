package event

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Draft is an event that is put together from names and texts: a foreign event,
// whatever form it had. It is converted once, and read as any other from then on.
//
// One goroutine at a time.
type Draft interface {
	// Set gives the field of that name a value, and keeps the value for View.Extra
	// where no field takes it: there is none of the name, it holds another kind, or
	// it has a value already. A field of several takes one value a call.
	Set(name, value string)

	// Keep keeps a value for View.Extra, whatever its name.
	Keep(name, value string)

	// Append appends the event to dst and returns the extended buffer.
	Append(dst []byte) []byte
}

// NewDraft returns a draft with that header and origin, nil for a type that this
// version does not have. What is set goes before them.
func NewDraft(h Header, o Origin) Draft {
	switch tableOf(h.Type, h.Operation) {
	case TableProcess:
		return newDraft[Detail](h, o)
	case TableNetwork:
		return newDraft[Connection](h, o)
	case TableFilesystem:
		return newDraft[File](h, o)
	case TablePerformance:
		return newDraft[Usage](h, o)
	case TableGap:
		return newDraft[Loss](h, o)
	}
	return nil
}

type draft[B Body] struct {
	e     Event[B]
	names map[string]*spec
	force forcing
	seen  map[*spec]int // how many values a field has
	line  *string       // the command line as one text
	own   []Pair        // labels that were set
	late  []Pair        // what follows from the rest
}

func newDraft[B Body](h Header, o Origin) *draft[B] {
	d := &draft[B]{names: index[blockOf[B]().specs[0].table], seen: make(map[*spec]int)}
	d.e.Header, d.e.Origin = h, o
	return d
}

func (d *draft[B]) Keep(name, value string) { d.e.Extra = append(d.e.Extra, Pair{name, value}) }

func (d *draft[B]) Set(name, value string) {
	if label, ok := strings.CutPrefix(name, labelPrefix); ok && label != "" {
		d.own = append(d.own, Pair{label, value})
		return
	}
	s := d.names[name]
	switch {
	case s == nil:
		d.Keep(name, value)
	case s.store == wire.Computed:
		d.late = append(d.late, Pair{s.name, value})
	case !d.set(s, value):
		d.Keep(name, value)
	default:
		d.seen[s]++
	}
}

// set gives a field a value, and reports whether it could.
func (d *draft[B]) set(s *spec, value string) bool {
	n := d.seen[s]
	if s.store == wire.Line {
		if n == 0 {
			value = wire.Spaced(value)
			d.line = &value
			d.force.actor.there |= 1 << s.bit
		}
		return n == 0
	}
	switch s.at {
	case offOrigin:
		return origin.set(&d.e.Origin, s, value, n, 0, &d.force.origin)
	case offActor:
		return actor.set(&d.e.Actor, s, value, n, 0, &d.force.actor)
	case offBody:
		return blockOf[B]().set(&d.e.Body, s, value, n, d.e.Operation, &d.force.body)
	}
	return head.set(&d.e.Header, s, value, n, 0, &forced{})
}

func (d *draft[B]) Append(dst []byte) []byte {
	e, force := d.e, d.force
	d.settleArgs(&e, &force)
	e.Labels = d.labels()
	start := len(dst)
	dst = e.append(dst, force)
	// What follows from the rest has to be what it was set to. Otherwise it is kept.
	kept := len(e.Extra)
	v := View(dst[start:])
	for _, l := range d.late {
		if !v.follows(d.names[l.Name], l.Value) {
			e.Extra = append(e.Extra, l)
		}
	}
	if len(e.Extra) > kept {
		dst = e.append(dst[:start], force)
	}
	return dst
}

// settleArgs makes one of a command line and of arguments. Where they differ,
// the line stands and the arguments are kept apart. A line alone has none.
func (d *draft[B]) settleArgs(e *Event[B], force *forcing) {
	given := wire.TrimNULs(e.CommandLine)
	if d.line == nil || (given != "" && wire.Spaced(given) == *d.line) {
		return
	}
	e.Extra = slices.Clip(e.Extra)
	if given != "" {
		for arg := range strings.SplitSeq(given, "\x00") {
			e.Extra = append(e.Extra, Pair{args.name, arg})
		}
	}
	e.CommandLine = *d.line
	force.actor.absent |= 1 << args.bit
}

// labels returns the labels that were set, and those of the origin that have
// other names.
func (d *draft[B]) labels() []Pair {
	all := slices.Clip(d.own)
	for _, l := range d.e.Labels {
		if !slices.ContainsFunc(d.own, func(own Pair) bool { return own.Name == l.Name }) {
			all = append(all, l)
		}
	}
	return all
}

// follows reports whether a computed field has that text.
func (v View) follows(s *spec, text string) bool {
	if s.word != nil {
		return s.word(v) == text
	}
	return string(v.AppendKey(nil, Field{s})) == text
}

// set gives the row of s in t a value that a foreign event has as text, and
// reports whether it could. n is how many values the row has already.
func (b *block[T]) set(t *T, s *spec, value string, n int, op Operation, force *forced) bool {
	r := &b.rows[s.bit]
	if n > 0 && !r.several() {
		return false // the first one stands
	}
	if r.only != 0 && r.only != op {
		return false
	}
	switch r.store {
	case wire.Number:
		number, ok := s.parse(value)
		if ok {
			r.assign(t, number)
			force.there |= 1 << s.bit
		}
		return ok
	case wire.Text:
		*r.text(t) = value
		force.there |= 1 << s.bit
	case wire.List:
		if strings.ContainsRune(value, 0) {
			return false
		}
		*r.text(t) += value + "\x00"
		force.there |= 1 << s.bit
	case wire.Texts:
		return b.setItem(t, r, n, value)
	case wire.Numbers:
		return b.setNumber(t, r, n, value)
	case wire.UUID:
		id, err := hex.DecodeString(strings.ReplaceAll(value, "-", ""))
		if err != nil || len(id) != 16 {
			return false
		}
		copy(r.uuid(t)[:], id)
	default:
		return false
	}
	return true
}

func (r *row[T]) several() bool {
	return r.kind == KindList || r.kind == KindNumbers
}

func (r *row[T]) assign(t *T, n uint64) {
	switch {
	case r.maybe != nil:
		*r.maybe(t) = Known(n)
	case r.kind == KindList: // of bits that have names
		r.set(t, r.get(t)|n)
	default:
		r.set(t, n)
	}
}

// setItem sets one text of a run. The first one is that of the row before it,
// which may have the same.
func (b *block[T]) setItem(t *T, r *row[T], n int, value string) bool {
	switch {
	case n == 0:
		first := b.before(r).text(t)
		if *first == "" {
			*first = value
		}
		return *first == value
	case n <= int(r.count):
		*r.texts(t, n-1) = value
		return true
	}
	return false
}

func (b *block[T]) setNumber(t *T, r *row[T], n int, value string) bool {
	number, err := strconv.ParseUint(value, 10, 32)
	switch {
	case err != nil:
	case n == 0:
		first := b.before(r)
		if first.get(t) == 0 {
			first.set(t, number)
		}
		return first.get(t) == number
	case n <= int(r.count):
		*r.numbers(t, n-1) = uint32(number)
		return true
	}
	return false
}

func (b *block[T]) before(r *row[T]) *row[T] {
	return &b.rows[slices.IndexFunc(b.rows, func(o row[T]) bool { return o.name == r.name })-1]
}

// parse returns the number that a text stands for in the field s.
func (s *spec) parse(value string) (n uint64, ok bool) {
	switch {
	case s.kind == KindList:
		i := slices.Index(s.words, value)
		return 1 << max(i, 0), i >= 0
	case s.words != nil:
		i := slices.Index(s.words, value)
		return uint64(i), i > 0
	case s.kind == KindTime:
		t, err := time.Parse(time.RFC3339Nano, value)
		ns := t.UnixNano()
		return uint64(ns), err == nil && time.Unix(0, ns).Equal(t)
	case s.kind == KindRatio:
		f, err := strconv.ParseFloat(value, 64)
		n = uint64(f*1e6 + 0.5)
		return n, err == nil && f >= 0 && f < 4294
	}
	base := 10
	if digits, hex := strings.CutPrefix(value, "0x"); hex {
		value, base = digits, 16
	}
	n, err := strconv.ParseUint(value, base, 8*int(s.width))
	return n, err == nil && n != 1<<64-1
}
