package frame_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
)

func TestExtensionRoundTrip(t *testing.T) {
	for name, m := range map[string]frame.Meta{
		"nothing":       {},
		"sequence zero": {Correlation: frame.Correlation{HasSequence: true}},
		"everything": {
			Correlation: frame.Correlation{
				ID: "c-17", Parent: "c-16", Root: "c-1", Sequence: 3, HasSequence: true, Stage: "collect",
				Tags: map[string]string{"env": "prod", "host": ""},
			},
			EventType: "process", PID: 4711, Deadline: -1, Metadata: map[string]string{"uid": "1000", "a": "b"},
		},
		"all at their bounds": {
			Correlation: frame.Correlation{
				ID: strings.Repeat("i", frame.MaxID), Stage: strings.Repeat("s", frame.MaxStage),
				Tags: many(frame.MaxTags, 10),
			},
			EventType: strings.Repeat("e", frame.MaxID),
			Metadata:  map[string]string{strings.Repeat("k", frame.MaxKey): strings.Repeat("v", frame.MaxValue)},
		},
	} {
		x, err := frame.AppendExtension(nil, &m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := frame.ParseMeta(x)
		if err != nil {
			t.Errorf("%s: parse: %v", name, err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestExtensionBounds(t *testing.T) {
	for name, m := range map[string]frame.Meta{
		"id":              {Correlation: frame.Correlation{ID: strings.Repeat("i", frame.MaxID+1)}},
		"stage":           {Correlation: frame.Correlation{Stage: strings.Repeat("s", frame.MaxStage+1)}},
		"tags":            {Correlation: frame.Correlation{Tags: many(frame.MaxTags+1, 1)}},
		"metadata":        {Metadata: many(frame.MaxMetadata+1, 1)},
		"empty key":       {Metadata: map[string]string{"": "v"}},
		"key":             {Metadata: map[string]string{strings.Repeat("k", frame.MaxKey+1): ""}},
		"value":           {Metadata: map[string]string{"k": strings.Repeat("v", frame.MaxValue+1)}},
		"all in together": {Metadata: many(frame.MaxMetadata, frame.MaxValue)},
	} {
		got, err := frame.AppendExtension([]byte("kept"), &m)
		if !errors.Is(err, frame.ErrExtension) || string(got) != "kept" {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(got), err, frame.ErrExtension)
		}
	}
	if err := frame.CheckExtension(make([]byte, frame.MaxExtension+1)); !errors.Is(err, frame.ErrExtension) {
		t.Errorf("a longer block than the header can say: %v, want %v", err, frame.ErrExtension)
	}
}

func TestExtensionGetters(t *testing.T) {
	x, err := frame.AppendExtension(nil, &frame.Meta{
		Correlation: frame.Correlation{ID: "c-1", Sequence: 5, HasSequence: true, Tags: map[string]string{"a": "1", "b": "2"}},
		PID:         4711, Deadline: 99,
	})
	if err != nil {
		t.Fatal(err)
	}
	ext := frame.Extension(x)
	if id, ok := ext.Lookup(frame.TagCorrelation); !ok || string(id) != "c-1" {
		t.Errorf("correlation id %q, %t", id, ok)
	}
	if _, ok := ext.Lookup(frame.TagRoot); ok {
		t.Error("found a root id that is not there")
	}
	if v, ok := ext.LookupKey(frame.TagTag, "b"); !ok || string(v) != "2" {
		t.Errorf("tag b %q, %t", v, ok)
	}
	if _, ok := ext.LookupKey(frame.TagMetadata, "b"); ok {
		t.Error("found a tag among the metadata")
	}
	if n, ok := ext.Sequence(); !ok || n != 5 {
		t.Errorf("sequence %d, %t", n, ok)
	}
	if pid, ok := ext.PID(); !ok || pid != 4711 {
		t.Errorf("pid %d, %t", pid, ok)
	}
	if ns, ok := ext.Deadline(); !ok || ns != 99 {
		t.Errorf("deadline %d, %t", ns, ok)
	}
	visits := 0
	ext.Walk(func(byte, []byte) bool { visits++; return false })
	if visits != 1 {
		t.Errorf("%d visits after the first returned false, want 1", visits)
	}
}

func TestFirstOfEqualKeysCounts(t *testing.T) {
	x := frame.Extension{
		frame.TagTag, 3, 0, 1, 'k', '1',
		frame.TagTag, 3, 0, 1, 'k', '2',
	}
	m, err := frame.ParseMeta(x)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := x.LookupKey(frame.TagTag, "k")
	if m.Tags["k"] != "1" || string(v) != "1" {
		t.Errorf("ParseMeta says %q, LookupKey %q, want 1", m.Tags["k"], v)
	}
}

func TestExtensionGettersRefuseNumbersOfTheWrongLength(t *testing.T) {
	x := frame.Extension{frame.TagPID, 1, 0, 9, frame.TagSequence, 1, 0, 9, frame.TagDeadline, 1, 0, 9}
	_, pid := x.PID()
	_, sequence := x.Sequence()
	_, deadline := x.Deadline()
	if pid || sequence || deadline {
		t.Errorf("pid %t, sequence %t, deadline %t, want none", pid, sequence, deadline)
	}
}

// many returns n pairs with values of the given size.
func many(n, size int) map[string]string {
	m := make(map[string]string)
	for i := range n {
		m["key"+strconv.Itoa(i)] = strings.Repeat("v", size)
	}
	return m
}
