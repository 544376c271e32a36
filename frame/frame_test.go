package frame_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

func TestAppendRefusesWhatCannotBeEncoded(t *testing.T) {
	for name, c := range map[string]struct {
		fields frame.Fields
		want   error
	}{
		"no type":                   {frame.Fields{}, frame.ErrType},
		"unknown type":              {frame.Fields{Type: 22}, frame.ErrType},
		"flag of another type":      {frame.Fields{Type: frame.TypePing, Flags: frame.FlagRetain}, frame.ErrFlags},
		"flag without a name":       {frame.Fields{Type: frame.TypePublish, Flags: 32}, frame.ErrFlags},
		"confirm of a request":      {frame.Fields{Type: frame.TypeRequest, Flags: frame.FlagConfirm}, frame.ErrFlags},
		"priority 11":               {frame.Fields{Type: frame.TypePublish, Priority: 11}, frame.ErrPriority},
		"topic that is none":        {frame.Fields{Type: frame.TypePublish, Topic: "a..b"}, frame.ErrTopic},
		"topic too long for a byte": {frame.Fields{Type: frame.TypePublish, Topic: strings.Repeat("a", 256)}, frame.ErrTopic},
		"extension too long":        {frame.Fields{Type: frame.TypePublish, Extension: make([]byte, math.MaxUint16+1)}, frame.ErrExtension},
	} {
		dst := []byte("kept")
		got, err := frame.Append(dst, &c.fields)
		if !errors.Is(err, c.want) || string(got) != "kept" {
			t.Errorf("%s: %q, %v, want %v", name, got, err, c.want)
		}
		if name == "extension too long" {
			continue // a template has none
		}
		if template, err := frame.NewTemplate(&c.fields); !errors.Is(err, c.want) || template != (frame.Template{}) {
			t.Errorf("%s: template %v, %v, want %v", name, template, err, c.want)
		}
	}
}

func TestNextAcceptsAnyLimit(t *testing.T) {
	f := frame.AppendControl(nil, frame.TypePing, 1, 2, 0)
	for _, c := range []struct {
		maxSize int
		want    error
	}{
		{math.MinInt, frame.ErrTooLarge},
		{-1, frame.ErrTooLarge},
		{0, frame.ErrTooLarge},
		{frame.HeaderSize - 1, frame.ErrTooLarge},
		{frame.HeaderSize, nil},
		{math.MaxInt, nil},
	} {
		if _, err := frame.Next(f, c.maxSize); !errors.Is(err, c.want) {
			t.Errorf("limit %d: %v, want %v", c.maxSize, err, c.want)
		}
	}
	binary.LittleEndian.PutUint32(f, frame.MaxSize+1)
	if _, err := frame.Next(f, math.MaxInt); !errors.Is(err, frame.ErrTooLarge) {
		t.Errorf("a length above MaxSize: %v, want %v", err, frame.ErrTooLarge)
	}
}

// TestGapCountsItsPlaces has the border where Last-First+1 is 0 in 64 bits.
func TestGapCountsItsPlaces(t *testing.T) {
	for _, c := range []struct {
		gap  frame.Gap
		want error
	}{
		{frame.Gap{First: 5, Last: 5, Count: 1}, nil},
		{frame.Gap{First: 5, Last: 5, Count: 0}, nil},
		{frame.Gap{First: 5, Last: 5, Count: 2}, frame.ErrBody},
		{frame.Gap{First: 5, Last: 6, Count: 0}, frame.ErrBody},
		{frame.Gap{First: 1, Last: math.MaxUint64, Count: math.MaxUint64}, nil},
		{frame.Gap{First: 0, Last: math.MaxUint64, Count: 0}, frame.ErrBody},
	} {
		if _, err := frame.ParseGap(frame.AppendGap(nil, c.gap)); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.gap, err, c.want)
		}
	}
}

func TestStampTouchesNothingElse(t *testing.T) {
	parts := frame.Fields{
		Type: frame.TypePublish, Priority: 5, Topic: "events.demo", ID: math.MaxUint64, Time: math.MinInt64,
		Extension: []byte{200, 0, 0}, Payload: []byte("payload"),
	}
	b, err := frame.Append(nil, &parts)
	if err != nil {
		t.Fatal(err)
	}
	parts.Source, parts.Sequence = 7, 9
	want, err := frame.Append(nil, &parts)
	if err != nil {
		t.Fatal(err)
	}
	frame.Frame(b).Stamp(7, 9)
	if string(b) != string(want) {
		t.Errorf("stamped:\n%x, want\n%x", b, want)
	}
}

func TestViewsCannotGrowIntoTheirNeighbours(t *testing.T) {
	parts := frame.Fields{Type: frame.TypePublish, Topic: "a.b", Extension: []byte{200, 1, 0, 'x'}, Payload: []byte("p")}
	b, err := frame.Append(nil, &parts)
	if err != nil {
		t.Fatal(err)
	}
	b, _ = frame.Append(b, &parts)
	f, err := frame.Next(b, frame.DefaultMaxSize)
	if err != nil {
		t.Fatal(err)
	}
	for name, view := range map[string][]byte{
		"frame": f, "topic": f.Topic(), "extension": f.Extension(), "payload": f.Payload(),
	} {
		if cap(view) != len(view) {
			t.Errorf("%s has capacity %d, want its length %d", name, cap(view), len(view))
		}
	}
}

func TestTemplatePanicsWhereNoFrameIsPossible(t *testing.T) {
	template, err := frame.NewTemplate(&frame.Fields{Type: frame.TypePublish, Topic: "a"})
	if err != nil {
		t.Fatal(err)
	}
	mustPanic(t, "no template", func() { new(frame.Template).Append(nil, 0, 0, nil, make([]byte, 100)) })
	mustPanic(t, "extension too long", func() { template.Append(nil, 0, 0, make([]byte, 1<<16), nil) })
	mustPanic(t, "type unknown", func() { frame.AppendControl(nil, 22, 0, 0, 0) })
	mustPanic(t, "size negative", func() { frame.AppendControl(nil, frame.TypePing, 0, 0, -1) })
}

func TestTopics(t *testing.T) {
	for topic, good := range map[string]bool{
		"a":                                 true,
		"events.process.lifecycle":          true,
		"a-b_c.0-9":                         true,
		"a.b.c.d.e.f.g.h":                   true,
		strings.Repeat("a", 255):            true,
		"":                                  false,
		".":                                 false,
		".a":                                false,
		"a.":                                false,
		"a..b":                              false,
		"A":                                 false,
		"a b":                               false,
		"events.*":                          false,
		"events.#":                          false,
		"events.+":                          false,
		"über":                              false,
		"a\x00":                             false,
		"a.b.c.d.e.f.g.h.i":                 false,
		strings.Repeat("a", 256):            false,
		strings.Repeat("a.", 100) + "a":     false,
		"events.process.lifecycle.\xff\xfe": false,
	} {
		err := frame.CheckTopic(topic)
		if fromBytes := frame.CheckTopic([]byte(topic)); !errors.Is(fromBytes, err) {
			t.Errorf("%q: %v as string, %v as bytes", topic, err, fromBytes)
		}
		if good && err != nil || !good && !errors.Is(err, frame.ErrTopic) {
			t.Errorf("%q: %v, want good: %t", topic, err, good)
		}
	}
}

func mustPanic(t *testing.T, what string, run func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	run()
}
