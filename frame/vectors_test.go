package frame_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
)

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			f, err := decode(v.bytes, v.maxSize)
			if got := outcome(err); got != v.keys["expect"] {
				t.Fatalf("decoded as %q (%v), want %q", got, err, v.keys["expect"])
			}
			if err != nil && !errors.Is(err, frame.ErrIncomplete) {
				if lost := f == nil; lost != (v.keys["stream"] == "lost") {
					t.Errorf("stream lost: %t, want %q", lost, v.keys["stream"])
				}
			}
			if want := v.keys["type"]; f != nil && f.Type().Known() && f.Type().String() != want {
				t.Errorf("type %q, want %q", f.Type(), want)
			}
			checkPrefixes(t, &v)
			checkReader(t, &v)
			if err == nil {
				checkFields(t, &v, f)
				checkEncoding(t, f)
				checkBody(t, f)
				checkExtension(t, &v, f)
			}
		})
	}
}

// decode runs everything that takes bytes apart, in the order of a reader that
// trusts nobody. The frame is nil only where the stream is lost.
func decode(b []byte, maxSize int) (frame.Frame, error) {
	f, err := frame.Next(b, maxSize)
	if err != nil {
		return f, err
	}
	if err := f.Check(); err != nil {
		return f, err
	}
	_, err = frame.Inflate(nil, f, maxSize)
	return f, err
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, frame.ErrIncomplete):
		return "incomplete"
	default:
		return frame.CodeOf(err).String()
	}
}

// checkPrefixes holds that less bytes never give another answer: they are
// incomplete, or already wrong in the same way.
func checkPrefixes(t *testing.T, v *vector) {
	t.Helper()
	whole, want := frame.Next(v.bytes, v.maxSize)
	end := len(v.bytes)
	if want == nil {
		end = len(whole)
	}
	for n := range end {
		f, err := frame.Next(slices.Clip(v.bytes[:n]), v.maxSize)
		if f != nil || !errors.Is(err, frame.ErrIncomplete) && !errors.Is(err, want) {
			t.Fatalf("%d bytes of %d: %v, want incomplete or %v", n, end, err, want)
		}
		if need := frame.Need(v.bytes[:n]); errors.Is(err, frame.ErrIncomplete) && (need > v.maxSize || want == nil && n > 4 && need != end) {
			t.Fatalf("%d bytes of %d need %d, with a limit of %d", n, end, need, v.maxSize)
		}
	}
}

// checkReader holds that a Reader gives the same, byte by byte.
func checkReader(t *testing.T, v *vector) {
	t.Helper()
	want, wantErr := frame.Next(v.bytes, v.maxSize)
	if errors.Is(wantErr, frame.ErrIncomplete) {
		if wantErr = io.ErrUnexpectedEOF; len(v.bytes) == 0 {
			wantErr = io.EOF
		}
	}
	r := frame.NewReader(iotest.OneByteReader(bytes.NewReader(v.bytes)), v.maxSize)
	f, err := r.Next()
	if !errors.Is(err, wantErr) || !bytes.Equal(f, want) {
		t.Errorf("Reader: %x, %v, want %x, %v", f, err, want, wantErr)
	}
}

// checkFields compares every accessor with the vector's header.
func checkFields(t *testing.T, v *vector, f frame.Frame) {
	t.Helper()
	got := map[string]string{
		"flags":     strconv.Itoa(int(f.Flags())),
		"priority":  strconv.Itoa(int(f.Priority())),
		"content":   strconv.Itoa(int(f.Content())),
		"source":    strconv.FormatUint(uint64(f.Source()), 10),
		"id":        strconv.FormatUint(f.ID(), 10),
		"time":      strconv.FormatInt(f.Time(), 10),
		"sequence":  strconv.FormatUint(f.Sequence(), 10),
		"topic":     string(f.Topic()),
		"extension": strconv.Itoa(len(f.Extension())),
		"payload":   strconv.Itoa(len(f.Payload())),
	}
	want := make(map[string]string)
	for key := range got {
		value, ok := v.keys[key]
		if !ok {
			t.Errorf("the vector has no key %q", key)
		}
		want[key] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	rest := 0
	if s, ok := v.keys["rest"]; ok {
		rest, _ = strconv.Atoi(s)
	}
	if len(f)+rest != len(v.bytes) || cap(f) != len(f) {
		t.Errorf("took %d of %d bytes with capacity %d, want %d left over", len(f), len(v.bytes), cap(f), rest)
	}
	if f.Flags()&frame.FlagCompressed != 0 {
		got, err := frame.Inflate(nil, f, frame.DefaultMaxSize)
		if err != nil || !v.isInflated(t, got) {
			t.Errorf("Inflate: %d bytes, %v, want what the vector says", len(got), err)
		}
	}
}

// fields takes a frame apart into what Append takes.
func fields(f frame.Frame) frame.Fields {
	return frame.Fields{
		Type: f.Type(), Flags: f.Flags(), Priority: f.Priority(), Content: f.Content(),
		Topic: string(f.Topic()), Extension: f.Extension(), Payload: f.Payload(),
		Source: f.Source(), ID: f.ID(), Time: f.Time(), Sequence: f.Sequence(),
	}
}

// checkEncoding writes the frame in every way there is.
func checkEncoding(t *testing.T, f frame.Frame) {
	t.Helper()
	parts := fields(f)
	before := []byte("before")
	got, err := frame.Append(slices.Clone(before), &parts)
	if want := append(slices.Clone(before), f...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("Append: %v\n%x, want\n%x", err, got, want)
	}
	template, err := frame.NewTemplate(&parts)
	if err != nil {
		t.Fatalf("NewTemplate: %v", err)
	}
	got = template.Append(nil, f.ID(), f.Time(), f.Extension(), f.Payload())
	if !bytes.Equal(got, f) || template.Size(f.Extension(), f.Payload()) != len(f) {
		t.Errorf("Template.Append:\n%x, want\n%x", got, f)
	}
	if len(f.Topic()) == 0 && len(f.Extension()) == 0 {
		got = frame.AppendControl(nil, f.Type(), f.ID(), f.Time(), len(f.Payload()))
		got = append(got, f.Payload()...)
		g := frame.Frame(got)
		g.Stamp(f.Source(), f.Sequence())
		g.SetFlags(f.Flags())
		if f.Content() == 0 && !bytes.Equal(got, f) {
			t.Errorf("AppendControl:\n%x, want\n%x", got, f)
		}
	}
}

// checkBody reads the payload and writes it again. JSON is compared by value,
// and a payload with fields of a later version by what is known of it.
func checkBody(t *testing.T, f frame.Frame) {
	t.Helper()
	p := f.Payload()
	var got []byte
	switch f.Type() {
	case frame.TypeAck:
		a, _ := frame.ParseAck(p)
		got = frame.AppendAck(nil, a)
		if len(p) < frame.AckSize { // of a broker without the later fields
			p = append(slices.Clone(p[:8]), make([]byte, frame.AckSize-8)...)
		}
		p = p[:frame.AckSize]
	case frame.TypeCredit:
		c, _ := frame.ParseCredit(p)
		got, p = frame.AppendCredit(nil, c), p[:frame.CreditSize]
	case frame.TypeSettle:
		n, _ := frame.ParseSettle(p)
		got = frame.AppendSettle(nil, n)
	case frame.TypeSettled:
		s, _ := frame.ParseSettled(p)
		got, p = frame.AppendSettled(nil, s), p[:frame.SettledSize]
	case frame.TypeStream:
		s, _ := frame.ParseStream(p)
		got = frame.AppendStream(nil, s)
	case frame.TypeGap:
		g, _ := frame.ParseGap(p)
		got = frame.AppendGap(nil, g)
	case frame.TypeError:
		e, _ := frame.ParseError(p)
		if got = frame.AppendError(nil, e); frame.ErrorSize(e) != len(got) {
			t.Errorf("ErrorSize is %d, want %d", frame.ErrorSize(e), len(got))
		}
	case frame.TypeGoodbye:
		g, _ := frame.ParseGoodbye(p)
		got = frame.AppendGoodbye(nil, g)
	case frame.TypeReply:
		if f.Flags()&frame.FlagFailed == 0 {
			return
		}
		e, _ := frame.ParseFailure(p)
		got = frame.AppendFailure(nil, e)
	case frame.TypeHello:
		h, _ := frame.ParseHello(p)
		b, err := frame.AppendHello(nil, &h)
		again, err2 := frame.ParseHello(b)
		if diff := cmp.Diff(h, again); err != nil || err2 != nil || diff != "" {
			t.Errorf("hello: %v, %v (-want +got):\n%s", err, err2, diff)
		}
		return
	case frame.TypeWelcome:
		w, _ := frame.ParseWelcome(p)
		b, err := frame.AppendWelcome(nil, &w)
		again, err2 := frame.ParseWelcome(b)
		if diff := cmp.Diff(w, again); err != nil || err2 != nil || diff != "" {
			t.Errorf("welcome: %v, %v (-want +got):\n%s", err, err2, diff)
		}
		return
	default:
		return
	}
	if !bytes.Equal(got, p) {
		t.Errorf("body:\n%x, want\n%x", got, p)
	}
}

// checkExtension reads the extension in the safe way and writes it again. Only
// unknown entries may be missing then.
func checkExtension(t *testing.T, v *vector, f frame.Frame) {
	t.Helper()
	m, err := frame.ParseMeta(f.Extension())
	if err != nil {
		t.Fatalf("ParseMeta: %v", err)
	}
	got, err := frame.AppendExtension(nil, &m)
	if err != nil {
		t.Fatalf("AppendExtension: %v", err)
	}
	var want []byte
	f.Extension().Walk(func(tag byte, value []byte) bool {
		if tag >= 1 && tag <= frame.TagDeadline { // others are skipped
			want = append(want, tag, byte(len(value)), byte(len(value)>>8))
			want = append(want, value...)
		}
		return true
	})
	if !bytes.Equal(got, want) {
		t.Errorf("extension of %s:\n%x, want\n%x", v.name, got, want)
	}
}

func TestEveryTypeAndOutcomeHasAVector(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range readVectors(t) {
		seen[v.keys["expect"]] = true
		if v.keys["expect"] == "ok" {
			seen[v.keys["type"]] = true
		}
	}
	want := slices.Clone(expectations)
	for n := range 256 {
		if typ := frame.Type(n); typ.Known() {
			want = append(want, typ.String())
		}
	}
	for _, name := range want {
		if !seen[name] {
			t.Errorf("no vector for %q", name)
		}
	}
}

func TestVectorsWithMistakesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":         "type: ping\nexpect: ok\nnote: n\ncolour: blue\n\n00\n",
		"unknown expectation": "type: ping\nexpect: fine\nnote: n\n\n00\n",
		"unknown stream":      "type: ping\nexpect: ok\nnote: n\nstream: kept\n\n00\n",
		"no note":             "type: ping\nexpect: ok\n\n00\n",
		"key twice":           "type: ping\ntype: ping\nexpect: ok\nnote: n\n\n00\n",
		"no hex":              "type: ping\nexpect: ok\nnote: n\n\nxyz\n",
		"a zero byte":         "type: ping\nexpect: ok\nnote: n\n\n00 # \x00\n",
		"no blank line":       "type: ping\nexpect: ok\nnote: n\n",
	} {
		if _, err := parseVector(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
