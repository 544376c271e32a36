package fuzz

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// maxFrame is the limit of the frames here: small, so that inputs find it.
const maxFrame = 4 << 10

// FuzzDecode feeds bytes to everything that takes frames apart.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		// No room behind the bytes, so that a read past them cannot hide.
		b = slices.Clip(bytes.Clone(b))
		before := bytes.Clone(b)
		for rest := b; ; {
			fr, err := frame.Next(rest, maxFrame)
			checkNext(t, rest, fr, err)
			if err == nil {
				checkFrame(t, fr)
			}
			if fr == nil {
				break
			}
			rest = rest[len(fr):]
		}
		if !bytes.Equal(b, before) {
			t.Fatal("decoding wrote into its input")
		}
		checkFrameReader(t, b)
	})
}

// checkNext holds what Next promises of its results.
func checkNext(t *testing.T, b []byte, fr frame.Frame, err error) {
	t.Helper()
	var bad *frame.DecodeError
	switch {
	case err == nil || fr != nil:
		if len(fr) < frame.HeaderSize || len(fr) > maxFrame || len(fr) > len(b) || cap(fr) != len(fr) || &fr[0] != &b[0] {
			t.Fatalf("frame of %d bytes, capacity %d, out of %d", len(fr), cap(fr), len(b))
		}
	case errors.Is(err, frame.ErrIncomplete):
		if need := frame.Need(b); need > maxFrame || need > 0 && need <= len(b) || len(b) >= maxFrame {
			t.Fatalf("%d bytes are incomplete and need %d, with a limit of %d", len(b), need, maxFrame)
		}
		return
	}
	if err != nil && (!errors.As(err, &bad) || frame.CodeOf(err) == frame.CodeInternal || err.Error() == "") {
		t.Fatalf("not a fault of the table: %v", err)
	}
	// A prefix is incomplete, or bad in the same way.
	for n := range min(len(b), 2*frame.HeaderSize) {
		if fr != nil && n >= len(fr) {
			break
		}
		if short, shortErr := frame.Next(b[:n:n], maxFrame); short != nil || !errors.Is(shortErr, frame.ErrIncomplete) && !errors.Is(shortErr, err) {
			t.Fatalf("%d bytes: %v, but %d bytes: %v", n, shortErr, len(b), err)
		}
	}
}

// checkFrame reads all there is in a frame, and writes it again.
func checkFrame(t *testing.T, fr frame.Frame) {
	t.Helper()
	if n := frame.HeaderSize + len(fr.Topic()) + len(fr.Extension()) + len(fr.Payload()); n != len(fr) {
		t.Fatalf("the parts have %d bytes, the frame %d", n, len(fr))
	}
	checkErr := fr.Check()
	if checkErr != nil && frame.CodeOf(checkErr) == frame.CodeInternal {
		t.Fatalf("not a fault of the table: %v", checkErr)
	}
	parts := frame.Fields{
		Type: fr.Type(), Flags: fr.Flags(), Priority: fr.Priority(), Content: fr.Content(),
		Topic: string(fr.Topic()), Extension: fr.Extension(), Payload: fr.Payload(),
		Source: fr.Source(), ID: fr.ID(), Time: fr.Time(), Sequence: fr.Sequence(),
	}
	again, err := frame.Append(nil, &parts)
	switch {
	case err == nil && !bytes.Equal(again, fr):
		t.Fatalf("written again:\n%x, want\n%x", again, fr)
	case err != nil && !errors.Is(err, frame.ErrTopic):
		t.Fatalf("cannot be written again: %v", err)
	case err != nil && checkErr == nil:
		t.Fatalf("Check is content, Append is not: %v", err)
	}
	checkExtension(t, fr.Extension())
	checkPayload(t, fr.Type(), fr.Payload())
}

// checkPayload holds that a payload with a layout is written again as it was read,
// without what lies behind its fields.
func checkPayload(t *testing.T, typ frame.Type, p []byte) {
	t.Helper()
	var again []byte
	var err error
	switch typ {
	case frame.TypeAck:
		var a frame.Ack
		if a, err = frame.ParseAck(p); len(p) < frame.AckSize {
			return // of a broker that has fewer fields
		}
		again = frame.AppendAck(nil, a)
	case frame.TypeCredit:
		var c frame.Credit
		c, err = frame.ParseCredit(p)
		again = frame.AppendCredit(nil, c)
	case frame.TypeSettle:
		var n uint64
		n, err = frame.ParseSettle(p)
		again = frame.AppendSettle(nil, n)
	case frame.TypeSettled:
		var s frame.Settled
		s, err = frame.ParseSettled(p)
		again = frame.AppendSettled(nil, s)
	case frame.TypeStream:
		var s frame.Stream
		s, err = frame.ParseStream(p)
		again = frame.AppendStream(nil, s)
	case frame.TypeGap:
		var g frame.Gap
		g, err = frame.ParseGap(p)
		again = frame.AppendGap(nil, g)
	case frame.TypeError:
		var f frame.Fault
		f, err = frame.ParseError(p)
		again = frame.AppendError(nil, f)
	case frame.TypeGoodbye:
		var f frame.Fault
		f, err = frame.ParseGoodbye(p)
		again = frame.AppendGoodbye(nil, f)
	}
	if err == nil && !bytes.HasPrefix(p, again) {
		t.Fatalf("%s written again:\n%x, want\n%x", typ, again, p)
	}
}

// checkExtension holds that the two ways to read an extension agree, and that
// what was parsed can be written and parsed again.
func checkExtension(t *testing.T, x frame.Extension) {
	t.Helper()
	size := 0
	x.Walk(func(tag byte, value []byte) bool {
		size += 3 + len(value)
		x.Lookup(tag)
		x.LookupKey(tag, "k")
		return true
	})
	x.Deadline()
	x.Sequence()
	x.PID()
	m, err := frame.ParseMeta(x)
	if err != nil {
		return
	}
	if size != len(x) {
		t.Fatalf("entries of %d bytes in a good extension of %d", size, len(x))
	}
	for k, v := range m.Tags {
		if got, ok := x.LookupKey(frame.TagTag, k); !ok || string(got) != v {
			t.Fatalf("tag %q: %q, %t, want %q", k, got, ok, v)
		}
	}
	written, err := frame.AppendExtension(nil, &m)
	if err != nil {
		t.Fatalf("parsed, but not written again: %v", err)
	}
	again, err := frame.ParseMeta(written)
	if err != nil {
		t.Fatalf("written, but not parsed again: %v", err)
	}
	twice, err := frame.AppendExtension(nil, &again)
	if err != nil || !bytes.Equal(written, twice) {
		t.Fatalf("written twice: %v\n%x, want\n%x", err, twice, written)
	}
}

// checkFrameReader holds that a Reader splits the same bytes into the same frames.
func checkFrameReader(t *testing.T, b []byte) {
	t.Helper()
	r := frame.NewReader(bytes.NewReader(b), maxFrame)
	for {
		want, wantErr := frame.Next(b, maxFrame)
		got, err := r.Next()
		if !bytes.Equal(got, want) || wantErr == nil && err != nil {
			t.Fatalf("Reader: %x, %v, want %x, %v", got, err, want, wantErr)
		}
		if want == nil {
			return
		}
		b = b[len(want):]
	}
}

// FuzzRoundTrip encodes parts in every way and decodes them again.
func FuzzRoundTrip(f *testing.F) {
	f.Fuzz(func(t *testing.T, typ, flags, priority, content byte, topic string, ext, payload []byte, source uint32, id uint64, timeNs int64, sequence uint64) {
		parts := frame.Fields{
			Type: frame.Type(typ), Flags: frame.Flags(flags), Priority: priority, Content: frame.Content(content),
			Topic: topic, Extension: ext, Payload: payload, Source: source, ID: id, Time: timeNs, Sequence: sequence,
		}
		b, err := frame.Append(nil, &parts)
		if err != nil {
			if frame.CodeOf(err) == frame.CodeInternal || b != nil {
				t.Fatalf("%d bytes, and not a fault of the table: %v", len(b), err)
			}
			return
		}
		fr, err := frame.Next(append(b, "behind"...), frame.MaxSize)
		if err != nil || len(fr) != len(b) {
			t.Fatalf("what Append wrote is refused: %v", err)
		}
		if fr.Type() != parts.Type || fr.Flags() != parts.Flags || fr.Priority() != priority || fr.Content() != parts.Content ||
			string(fr.Topic()) != topic || !bytes.Equal(fr.Extension(), ext) || !bytes.Equal(fr.Payload(), payload) ||
			fr.Source() != source || fr.ID() != id || fr.Time() != timeNs || fr.Sequence() != sequence {
			t.Fatalf("read %x out of %+v", fr, parts)
		}
		template, err := frame.NewTemplate(&parts)
		if err != nil {
			t.Fatalf("NewTemplate refuses what Append takes: %v", err)
		}
		if got := template.Append(nil, id, timeNs, ext, payload); !bytes.Equal(got, b) {
			t.Fatalf("by template:\n%x, want\n%x", got, b)
		}
		blank := parts
		blank.Source, blank.Sequence = 0, 0
		stamped, err := frame.Append(nil, &blank)
		if err != nil {
			t.Fatal(err)
		}
		if frame.Frame(stamped).Stamp(source, sequence); !bytes.Equal(stamped, b) {
			t.Fatalf("stamped:\n%x, want\n%x", stamped, b)
		}
	})
}
