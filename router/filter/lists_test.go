package filter_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
)

// listFields returns the names of all that a part of a subscription lists, by type.
func listFields(part any) (texts, pairs, numbers []string) {
	t := reflect.TypeOf(part)
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch f.Type {
		case reflect.TypeFor[[]string]():
			texts = append(texts, name)
		case reflect.TypeFor[map[string]string]():
			pairs = append(pairs, name)
		case reflect.TypeFor[[]uint32]():
			numbers = append(numbers, name)
		}
	}
	return texts, pairs, numbers
}

// Everything that a filter can list is counted, charged and bounded, a list that a later
// version adds too.
func TestEachListIsBounded(t *testing.T) {
	lists := 0
	for part, of := range map[string]any{
		"capabilities": bus.Capabilities{}, "event_filter": bus.EventFilter{}, "correlation_filter": bus.CorrelationFilter{},
	} {
		parse := func(list string, entries any) bus.Subscription {
			text, err := json.Marshal(map[string]any{"topic_patterns": []string{"a"}, part: map[string]any{list: entries}})
			if err != nil {
				t.Fatal(err)
			}
			s, err := bus.ParseSubscription(text)
			if err != nil {
				t.Fatal(err)
			}
			lists++
			return s
		}
		without := func(list string) int64 {
			s := parse(list, nil)
			lists--
			return filter.Memory(&s)
		}
		texts, pairs, numbers := listFields(of)
		for _, name := range texts {
			s := parse(name, []string{"abc"})
			if n, size := filter.Entries(&s), filter.Bytes(&s); n != 1 || size != 4 || filter.Memory(&s) < without(name)+100 {
				t.Errorf("%s.%s: %d entries of %d bytes with the pattern's one, which take %d", part, name, n, size, filter.Memory(&s))
			}
			s = parse(name, []string{strings.Repeat("x", 300)})
			if _, err := filter.CompileFilter(&s, true); !errors.Is(err, bus.ErrSubscription) && !errors.Is(err, bus.ErrPattern) {
				t.Errorf("%s.%s: an entry of 300 bytes: %v", part, name, err)
			}
		}
		for _, name := range pairs {
			s := parse(name, map[string]string{"k": "vv"})
			if n, size := filter.Entries(&s), filter.Bytes(&s); n != 1 || size != 4 || filter.Memory(&s) < without(name)+100 {
				t.Errorf("%s.%s: %d entries of %d bytes with the pattern's one, which take %d", part, name, n, size, filter.Memory(&s))
			}
			s = parse(name, map[string]string{"": "v"})
			if _, err := filter.CompileFilter(&s, true); !errors.Is(err, bus.ErrSubscription) || !strings.Contains(err.Error(), part+"."+name) {
				t.Errorf("%s.%s: an empty key: %v", part, name, err)
			}
		}
		for _, name := range numbers {
			s := parse(name, []uint32{1, 2})
			if n := filter.Entries(&s); n != 2 || filter.Memory(&s) <= without(name) {
				t.Errorf("%s.%s: %d entries, which take %d bytes", part, name, n, filter.Memory(&s))
			}
		}
	}
	if want := 2*10 + 2*3 + 1; lists != want {
		t.Errorf("%d lists were tried, want %d", lists, want)
	}
}
