package item

import (
	"net/netip"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// modifier is one of the words behind a field.
type modifier struct {
	name  string
	apply func(*item, value) (value, string) // the text is the problem, if there is one
	mark  func(*item)                        // of the item as a whole
}

// modifiers are all there are.
var modifiers = []modifier{
	{name: "contains", apply: around(expr.HowContains)},
	{name: "startswith", apply: around(expr.HowPrefix)},
	{name: "endswith", apply: around(expr.HowSuffix)},
	{name: "all", mark: func(it *item) { it.all = true }},
	{name: "neq", mark: func(it *item) { it.negate = true }},
	{name: "exists", mark: func(it *item) { it.exists = true }},
	{name: "cased", apply: cased},
	{name: "re", apply: asRegex},
	{name: "i", apply: flag("i")}, {name: "ignorecase", apply: flag("i")},
	{name: "m", apply: flag("m")}, {name: "multiline", apply: flag("m")},
	{name: "s", apply: flag("s")}, {name: "dotall", apply: flag("s")},
	{name: "windash", apply: asText(windash)},
	{name: "base64", apply: asText(base64Of)},
	{name: "base64offset", apply: asText(base64Offsets)},
	{name: "wide", apply: asText(wide(littleEndian, false))},
	{name: "utf16le", apply: asText(wide(littleEndian, false))},
	{name: "utf16be", apply: asText(wide(bigEndian, false))},
	{name: "utf16", apply: asText(wide(littleEndian, true))},
	{name: "expand", apply: expand},
	{name: "cidr", apply: on(isText, network)},
	{name: "fieldref", apply: on(isText, fieldReference)},
	{name: "lt", apply: compare(expr.OpLess)}, {name: "lte", apply: compare(expr.OpLessEqual)},
	{name: "gt", apply: compare(expr.OpGreater)}, {name: "gte", apply: compare(expr.OpGreaterEqual)},
	{name: "minute", apply: partOf(expr.PartMinute)}, {name: "hour", apply: partOf(expr.PartHour)},
	{name: "day", apply: partOf(expr.PartDay)}, {name: "week", apply: partOf(expr.PartWeek)},
	{name: "month", apply: partOf(expr.PartMonth)}, {name: "year", apply: partOf(expr.PartYear)},
}

// on is a modifier of values of one kind.
func on(kind valueKind, f func(value) (value, string)) func(*item, value) (value, string) {
	return func(_ *item, v value) (value, string) {
		if v.kind != kind {
			return v, "wants " + kindNames[kind] + ", and here is " + kindNames[v.kind]
		}
		return f(v)
	}
}

// Modifiers returns the names of all modifiers.
func Modifiers() []string {
	var names []string
	for _, m := range modifiers {
		names = append(names, m.name)
	}
	return names
}

func modifierByName(name string) *modifier {
	for i := range modifiers {
		if modifiers[i].name == name {
			return &modifiers[i]
		}
	}
	return nil
}

// modify applies one modifier to a value, or to each of its options.
func (it *item) modify(m *modifier, v value) (value, string) {
	if v.kind != isOptions {
		return m.apply(it, v)
	}
	options, count, bytes := make([]value, len(v.options)), 0, 0
	for i, o := range v.options {
		var problem string
		if options[i], problem = it.modify(m, o); problem != "" {
			return v, problem
		}
		count, bytes = count+options[i].leaves(), bytes+options[i].bytes()
		if count > maxVariants || bytes > maxVariantBytes {
			return v, tooMany(v)
		}
	}
	v.options = options
	return v, ""
}

// textual makes a text of a number or a truth value: what the file has. Rules in
// the wild write ports and codes without quotes.
func textual(v value) value {
	if v.kind == isNumber || v.kind == isBool {
		v.kind, v.text = isText, expr.ParsePattern(v.source)
	}
	return v
}

func asText(f func(value) (value, string)) func(*item, value) (value, string) {
	return func(_ *item, v value) (value, string) {
		if v = textual(v); v.kind != isText {
			return v, "wants a text, and here is " + kindNames[v.kind]
		}
		return f(v)
	}
}

// around makes a text a part of one, and a comparison of fields one of their parts.
// A regular expression is not anchored, and stays as it is.
func around(how expr.How) func(*item, value) (value, string) {
	return func(it *item, v value) (value, string) {
		it.padded = true
		switch v = textual(v); v.kind {
		case isText:
			if how != expr.HowPrefix {
				v.text = v.text.Before()
			}
			if how != expr.HowSuffix {
				v.text = v.text.After()
			}
		case isField:
			v.how = how
		case isRegex:
		default:
			return v, "wants a text, and here is " + kindNames[v.kind]
		}
		return v, ""
	}
}

func cased(_ *item, v value) (value, string) {
	if v = textual(v); v.kind != isText && v.kind != isField {
		return v, "wants a text, and here is " + kindNames[v.kind]
	}
	v.cased = true
	return v, ""
}

func asRegex(it *item, v value) (value, string) {
	switch v = textual(v); {
	case v.kind != isText:
		return v, "wants a text, and here is " + kindNames[v.kind]
	case len(it.before) > 0:
		return v, "stands before other modifiers, not behind " + it.before[0]
	}
	v.kind = isRegex
	return v, ""
}

func flag(letter string) func(*item, value) (value, string) {
	return func(_ *item, v value) (value, string) {
		if v.kind != isRegex {
			return v, "stands behind re only"
		}
		if !strings.Contains(v.flags, letter) {
			v.flags += letter
		}
		return v, ""
	}
}

func network(v value) (value, string) {
	text, ok := v.text.Plain()
	if !ok {
		return v, "wants a network without wildcards"
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return v, "wants a network such as 10.0.0.0/8, and here is " + document.Shorten(text)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix != prefix.Masked() {
		return v, "wants a network, and " + document.Shorten(text) + " is a host in " + prefix.Masked().String()
	}
	if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
	}
	v.kind, v.prefix = isNetwork, prefix
	return v, ""
}

func fieldReference(v value) (value, string) {
	name, ok := v.text.Plain()
	if !ok || name == "" {
		return v, "wants the name of a field; contains, startswith and endswith stand behind it"
	}
	v.kind, v.field = isField, name
	return v, ""
}

func compare(op expr.Op) func(*item, value) (value, string) {
	return func(_ *item, v value) (value, string) {
		switch v.kind {
		case isNumber, isPart:
		case isText:
			n, ok := expr.ParseNumber(v.source)
			if !ok {
				return v, "wants a number, and here is " + document.Shorten(v.source)
			}
			v.number = n
		default:
			return v, "wants a number, and here is " + kindNames[v.kind]
		}
		v.kind, v.op = isComparison, op
		return v, ""
	}
}

func partOf(part expr.Part) func(*item, value) (value, string) {
	return func(_ *item, v value) (value, string) {
		if v.kind == isText {
			if n, ok := expr.ParseNumber(v.source); ok {
				v.kind, v.number = isNumber, n
			}
		}
		if v.kind != isNumber {
			return v, "wants a number, and here is " + kindNames[v.kind]
		}
		v.kind, v.part = isPart, part
		return v, ""
	}
}
