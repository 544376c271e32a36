package frame_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// allocations returns how many allocations 10 000 calls of run make. AllocsPerRun
// divides by its runs and drops the rest, so all of them are one run. The count is
// that of the whole process, and a collection in between may empty a sync.Pool: what
// is missing once in a few tries is not run's.
func allocations(run func()) float64 {
	least := math.Inf(1)
	for range 3 {
		least = min(least, testing.AllocsPerRun(1, func() {
			for range 10_000 {
				run()
			}
		}))
	}
	return least
}

// TestNoAllocations holds the claims of no allocation in doc.go, one case each.
func TestNoAllocations(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	m := frame.Meta{
		Correlation: frame.Correlation{ID: "c-1", HasSequence: true, Tags: map[string]string{"b": "2", "a": "1"}},
		PID:         4711, Metadata: map[string]string{"k": "v"}, Deadline: 1,
	}
	ext, err := frame.AppendExtension(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	parts := frame.Fields{Type: frame.TypePublish, Topic: "events.demo", Extension: ext, Payload: make([]byte, 128)}
	f, err := frame.Append(nil, &parts)
	if err != nil {
		t.Fatal(err)
	}
	template, err := frame.NewTemplate(&parts)
	if err != nil {
		t.Fatal(err)
	}
	small := packed(t, text(4<<10))
	behind := func(f frame.Frame, b byte) frame.Frame {
		parts := fields(f)
		parts.Payload = append(bytes.Clone(parts.Payload), b)
		f, err := frame.Append(nil, &parts)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	cutS2 := behind(small, 0)
	gap := frame.AppendGap(nil, frame.Gap{First: 1, Last: 2, Count: 2})
	stream := frame.AppendStream(nil, frame.Stream{Subscription: 1})
	notice := frame.AppendError(nil, frame.Fault{Code: frame.CodeDenied})
	dst := make([]byte, 0, 16<<10)
	payload := text(4 << 10)
	garbage := bytes.Repeat([]byte{0xff}, 64)
	skippable := frame.Frame(bytes.Clone(f))
	skippable.SetFlags(0xff)
	unsound := frame.Frame(bytes.Clone(f))
	unsound[0]--

	for name, run := range map[string]func(){
		"Next":                     func() { _, _ = frame.Next(f, frame.DefaultMaxSize) },
		"Next, garbage":            func() { _, _ = frame.Next(garbage, frame.DefaultMaxSize) },
		"Next, flags":              func() { _, _ = frame.Next(skippable, frame.DefaultMaxSize) },
		"Next, incomplete":         func() { _, _ = frame.Next(f[:50], frame.DefaultMaxSize) },
		"Check":                    func() { _ = frame.Frame(f).Check() },
		"CheckTopic":               func() { _ = frame.CheckTopic(frame.Frame(f).Topic()) },
		"CheckTopic, bad":          func() { _ = frame.CheckTopic("events..demo") },
		"CheckExtension":           func() { _ = frame.CheckExtension(ext) },
		"CheckExtension, bad":      func() { _ = frame.CheckExtension(ext[1:]) },
		"CodeOf":                   func() { _ = frame.CodeOf(frame.ErrSlow) },
		"Lookup":                   func() { _, _ = frame.Frame(f).Extension().Lookup(frame.TagPID) },
		"LookupKey":                func() { _, _ = frame.Frame(f).Extension().LookupKey(frame.TagMetadata, "k") },
		"Walk":                     func() { frame.Frame(f).Extension().Walk(func(byte, []byte) bool { return true }) },
		"Append":                   func() { _, _ = frame.Append(dst, &parts) },
		"Template.Append":          func() { _ = template.Append(dst, 1, 2, ext, payload) },
		"AppendControl":            func() { _ = frame.AppendControl(dst, frame.TypePing, 1, 2, 0) },
		"AppendExtension":          func() { _, _ = frame.AppendExtension(dst, &m) },
		"AppendGap, AppendStream":  func() { _ = frame.AppendStream(frame.AppendGap(dst, frame.Gap{}), frame.Stream{}) },
		"AppendError":              func() { _ = frame.AppendError(dst, frame.Fault{Text: "denied"}) },
		"ParseGap, ParseStream":    func() { _, _ = frame.ParseGap(gap); _, _ = frame.ParseStream(stream) },
		"ParseError without text":  func() { _, _ = frame.ParseError(notice) },
		"Compress, s2":             func() { _, _ = frame.Compress(dst, payload, frame.FlagS2) },
		"Inflate, s2":              func() { _, _ = frame.Inflate(dst, small, frame.DefaultMaxSize) },
		"AppendInflated, s2":       func() { _, _ = frame.AppendInflated(dst, small, frame.DefaultMaxSize) },
		"InflatedLen, s2":          func() { _, _ = frame.InflatedLen(small, frame.DefaultMaxSize) },
		"Inflate, s2, too large":   func() { _, _ = frame.Inflate(dst, small, 100) },
		"Inflate, s2, corrupt":     func() { _, _ = frame.Inflate(dst, cutS2, frame.DefaultMaxSize) },
		"Now":                      func() { _ = frame.Now() },
		"Next, extension too long": func() { _, _ = frame.Next(unsound, frame.DefaultMaxSize) },
	} {
		if n := allocations(run); n != 0 {
			t.Errorf("%s: %v allocations in 10 000 calls, want 0", name, n)
		}
	}
}
