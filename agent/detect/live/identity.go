package live

import (
	"cmp"
	"encoding/hex"
	"hash/fnv"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// identity finds what makes two matches of a rule the same alert: who did it, and to
// what.
//
//	who   program, number of the user, program of the parent, container
//	what  of a file its path; of a connection the address and the port that it is opened
//	      to; of a listener its port; of a query the name
//
// The pid is not part of it, because a program that is started each minute is one alert.
// The same goes for the arguments. Of a correlation it is the values of group-by instead.
type identity struct {
	who, what [event.TypePerformance + 1][]event.Field
	seed      maphash.Seed
}

var (
	actorFields  = []string{"process.executable", "user.id", "process.parent.executable", "container.id"}
	objectFields = map[event.Type][]string{
		event.TypeFilesystem: {"file.path"},
		event.TypeNetwork:    {"destination.ip", "destination.port", "dns.question.name"},
	}
)

func newIdentity() *identity {
	d := &identity{seed: maphash.MakeSeed()}
	for t := event.TypeProcess; t <= event.TypePerformance; t++ {
		for _, name := range actorFields {
			d.who[t] = append(d.who[t], event.MustField(event.Table(t), name))
		}
		for _, name := range objectFields[t] {
			d.what[t] = append(d.what[t], event.MustField(event.Table(t), name))
		}
	}
	return d
}

// key is an identity as a hash: the seed is of this process, so that nobody can choose
// two events that have the same.
type key struct {
	rule  *sigma.Head
	value uint64
	many  bool // all of the rule that have no key of their own
}

// key returns the identity of a detection. It does not allocate.
func (d *identity) key(x *detect.Detection, v event.View) key {
	var h maphash.Hash
	h.SetSeed(d.seed)
	d.each(x, v, func(text []byte) {
		_, _ = h.Write(text)
		_ = h.WriteByte(byte(len(text)))
		_ = h.WriteByte(byte(len(text) >> 8))
	})
	return key{rule: x.Head, value: h.Sum64()}
}

// each calls f with each part of the identity, empty for what is not known.
func (d *identity) each(x *detect.Detection, v event.View, f func(text []byte)) {
	if x.Fired != nil {
		for _, text := range x.Fired.Group {
			f([]byte(text))
		}
		return
	}
	var digits [20]byte
	t := v.Table()
	if t < 1 || t > event.TableGap || int(t) >= len(d.who) {
		return
	}
	for _, fields := range [...][]event.Field{d.who[t], d.what[t]} {
		for _, field := range fields {
			if field.Kind() == event.KindText {
				f(v.Text(field))
			} else if n, ok := v.Uint(field); ok {
				f(strconv.AppendUint(digits[:0], n, 10))
			} else {
				f(nil)
			}
		}
	}
}

// maxKey bounds a key in text form.
const maxKey = 512

// text returns the identity of a detection in the form that stands in the alert: the rule
// and the parts, between bars.
func (d *identity) text(x *detect.Detection, v event.View) string {
	parts := []string{keyID(x.Head)}
	d.each(x, v, func(text []byte) { parts = append(parts, escape.Replace(string(text))) })
	return bounded(strings.Join(parts, "|"))
}

var escape = strings.NewReplacer("|", `\|`, `\`, `\\`)

// bounded returns a text that is short enough, with a hash in the place of the rest.
func bounded(text string) string {
	if len(text) <= maxKey {
		return text
	}
	h := fnv.New128a()
	_, _ = h.Write([]byte(text))
	return strings.ToValidUTF8(text[:maxKey-40], "") + "#" + hex.EncodeToString(h.Sum(nil))
}

// manyText is the key of an alert that stands for many of a rule.
func manyText(h *sigma.Head) string { return keyID(h) + "|*" }

// keyID returns what names a rule in a key. Rules that have neither an id nor a name may have
// the same title, and are different ones all the same.
func keyID(h *sigma.Head) string {
	return escape.Replace(cmp.Or(h.ID, h.Name, h.Title+" "+h.File+":"+strconv.Itoa(h.Line)))
}

// ruleID returns what names a rule from one load to the next.
func ruleID(h *sigma.Head) string {
	return cmp.Or(h.ID, h.Name, h.Title, h.File+":"+strconv.Itoa(h.Line))
}
