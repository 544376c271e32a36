package reader

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is the type of a value.
type kind uint8

const (
	kindText kind = iota + 1
	kindBool
	kindInt
	kindSize
	kindDuration
	kindList    // of texts
	kindMap     // of texts by name
	kindEntries // of structs by name, each with keys of its own
)

func kindOf(t reflect.Type) kind {
	switch t {
	case reflect.TypeFor[string]():
		return kindText
	case reflect.TypeFor[bool]():
		return kindBool
	case reflect.TypeFor[int]():
		return kindInt
	case reflect.TypeFor[Size]():
		return kindSize
	case reflect.TypeFor[time.Duration]():
		return kindDuration
	case reflect.TypeFor[[]string]():
		return kindList
	case reflect.TypeFor[map[string]string]():
		return kindMap
	}
	if t.Kind() == reflect.Map && t.Key() == reflect.TypeFor[string]() && t.Elem().Kind() == reflect.Struct {
		return kindEntries
	}
	return 0
}

// bound is a limit of a value, as a number and as its author wrote it.
type bound struct {
	n    int64
	text string
}

// bound reads the tag min or max; nil for none. It panics for one that means
// nothing.
func (k *Key) bound(text string) *bound {
	if text == "" {
		return nil
	}
	counted := *k
	if k.kind != kindSize && k.kind != kindDuration {
		counted.kind = kindInt
	}
	v, err := counted.parse(text)
	if err != nil {
		panic(fmt.Sprintf("reader: bound of %s: %v", k.Name, err))
	}
	n, _ := amount(v)
	return &bound{n, text}
}

// matcher is an expression that a whole text has to match.
type matcher struct {
	re   *regexp.Regexp
	want string // the same in words
}

func newMatcher(text, want string) *matcher {
	return &matcher{regexp.MustCompile("^(?:" + text + ")$"), want}
}

var (
	errBool    = errors.New("want true or false")
	errInt     = errors.New("want a whole number")
	errEntries = errors.New("want NAME=TYPE, and commas between several; other keys stand in a file")
	errMap     = errors.New("want NAME=VALUE, and commas between several")
)

// parse reads a value as it stands in a flag, a variable or a scalar of YAML. It
// does not check the bounds.
func (k *Key) parse(text string) (any, error) {
	switch k.kind {
	case kindBool:
		if text != "true" && text != "false" {
			return nil, errBool
		}
		return text == "true", nil
	case kindInt:
		n, err := strconv.Atoi(text)
		if err != nil || !isDigits(strings.TrimPrefix(text, "-")) {
			return nil, errInt
		}
		return n, nil
	case kindSize:
		return ParseSize(text)
	case kindDuration:
		return ParseDuration(text, k.seconds)
	case kindList:
		if text == "" {
			return []string{}, nil
		}
		return strings.Split(text, ","), nil
	case kindMap:
		m := map[string]string{}
		for pair := range strings.SplitSeq(text, ",") {
			name, value, ok := strings.Cut(pair, "=")
			if _, twice := m[name]; !ok && text != "" || twice {
				return nil, errMap
			}
			if ok {
				m[name] = value
			}
		}
		return m, nil
	case kindEntries:
		return k.parseEntries(text)
	}
	return text, nil
}

// format is the reverse of parse.
func (k *Key) format(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return durationText(v, k.seconds)
	case []string:
		return strings.Join(v, ",")
	case map[string]string:
		pairs := make([]string, 0, len(v))
		for name, value := range v {
			pairs = append(pairs, name+"="+value)
		}
		slices.Sort(pairs)
		return strings.Join(pairs, ",")
	}
	if k.kind == kindEntries {
		return k.formatEntries(v)
	}
	return fmt.Sprint(v)
}

// amount returns the number that a value's bounds are about, and what is counted
// where it is not the value itself.
func amount(v any) (n int64, what string) {
	switch v := v.(type) {
	case int:
		return int64(v), ""
	case Size:
		return int64(v), ""
	case time.Duration:
		return int64(v), ""
	case string:
		return int64(len(v)), " bytes"
	case []string:
		return int64(len(v)), " entries"
	case map[string]string:
		return int64(len(v)), " entries"
	}
	if m := reflect.ValueOf(v); m.Kind() == reflect.Map {
		return int64(m.Len()), " entries"
	}
	return 0, ""
}

// oneOf writes words as auto, netlink or poll.
func oneOf(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}
