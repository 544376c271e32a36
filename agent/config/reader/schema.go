package reader

import (
	"encoding/json"
	"maps"
	"strings"
)

// Schema returns the JSON schema of a file, made from the table. It takes every file that
// Load takes; of bounds it holds those of numbers, words and lengths, and not those of sizes
// and durations, which may be texts.
func (t *Table) Schema(title string) []byte {
	top := t.top.schema()
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = title
	b, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		panic(err) // maps, texts and numbers
	}
	return append(b, '\n')
}

type object = map[string]any

func (s *section) schema() object {
	props := object{}
	for _, k := range s.keys {
		_, name := split(k.Name)
		props[name] = k.schema()
		if k.Alias != "" {
			_, alias := split(k.Alias)
			x := k.schema()
			x["deprecated"], x["description"] = true, "The same as "+name+"."
			props[alias] = x
		}
	}
	for _, sub := range s.subs {
		_, name := split(sub.name)
		x := sub.schema()
		x["description"] = capital(sub.help) + "."
		props[name] = x
	}
	return object{"type": []string{"object", "null"}, "properties": props, "additionalProperties": false}
}

// Texts that ParseSize and ParseDuration take. Both are stricter than these.
const (
	sizePattern     = `^[0-9]+(\.[0-9]+)? *([KMGT]iB|[kKMGT]B|B)?$`
	durationPattern = `^([0-9]+|-?([0-9]+d)?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$`
)

func (k *Key) schema() object {
	x := object{"description": k.explain()}
	switch k.kind {
	case kindBool:
		x["type"], x["default"] = "boolean", k.Default == "true"
	case kindInt:
		x["type"], x["default"] = "integer", json.Number(k.Default)
		if k.min != nil {
			x["minimum"] = k.min.n
		}
		if k.max != nil {
			x["maximum"] = k.max.n
		}
	case kindSize:
		x["anyOf"], x["default"] = []object{{"type": "integer", "minimum": 0}, {"type": "string", "pattern": sizePattern}}, k.Default
	case kindDuration:
		number := object{"const": 0}
		x["default"] = k.Default
		if k.seconds {
			number = object{"type": "integer", "minimum": 0}
			x["default"] = json.Number(k.Default)
		}
		x["anyOf"] = []object{{"type": "string", "pattern": durationPattern}, number}
	case kindText:
		maps.Copy(x, k.textSchema())
		x["default"] = k.Default
	case kindList:
		x["type"], x["items"], x["uniqueItems"], x["default"] = "array", k.textSchema(), true, strings.Split(k.Default, ",")
	case kindEntries:
		x["type"], x["default"] = []string{"object", "null"}, object{}
		x["additionalProperties"] = k.entry.top.schema()
		if k.match != nil {
			x["propertyNames"] = object{"pattern": k.match.re.String()}
		}
	case kindMap:
		x["type"], x["default"] = []string{"object", "null"}, object{}
		x["additionalProperties"] = object{"type": []string{"string", "number", "boolean"}}
		if k.values != nil {
			x["additionalProperties"] = object{"type": []string{"string", "number"}, "pattern": k.values.re.String()}
		}
		if k.match != nil {
			x["propertyNames"] = object{"pattern": k.match.re.String()}
		}
		if k.max != nil {
			x["maxProperties"] = k.max.n
		}
	}
	return x
}

func (k *Key) textSchema() object {
	x := object{"type": []string{"string", "number", "boolean"}} // a word may be spelled like a number
	if k.of != nil {
		x = object{"enum": k.of}
	}
	if k.match != nil {
		x["pattern"] = k.match.re.String()
	}
	if k.kind == kindText && k.max != nil {
		x["maxLength"] = k.max.n // of characters, which are no more than the bytes
	}
	return x
}
