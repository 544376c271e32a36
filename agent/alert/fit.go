package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Marshal returns v as JSON on one line, in which < > and & stand for themselves: command
// lines are full of them, and nothing here is HTML.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// IncompleteCut begins the reason of an alert that was too large.
const IncompleteCut = "too large"

// Encode returns the alert as JSON on one line of at most limit bytes. What does not fit
// is left out: context, the oldest event first, then members, what matched, and the event.
// Incomplete names it. The alert itself stays as it is. Limits below 64 KiB may not be met,
// because the fields of the rule stay.
func (a *Alert) Encode(limit int) ([]byte, error) {
	b, err := Marshal(a)
	if err != nil || len(b) <= limit {
		return b, err
	}
	cut, over := *a, len(b)-limit
	cut.Incomplete = slices.Clone(a.Incomplete)
	drop := func(what string, n int) {
		cut.Incomplete = append(cut.Incomplete, fmt.Sprintf("%s: %d %s left out", IncompleteCut, n, what))
	}
	const reason = 64 // what a reason takes at most
	over += 4 * reason
	n := 0
	for ; over > 0 && n < len(cut.Context); n++ {
		over -= len(cut.Context[n]) + 1
	}
	if n > 0 {
		cut.Context = cut.Context[n:]
		drop("events of the context", n)
	}
	if n = 0; over > 0 {
		for ; over > 0 && n < len(cut.Members); n++ {
			over -= len(cut.Members[n].Event) + len(cut.Members[n].Rule) + 24
		}
		if n > 0 {
			cut.Members = cut.Members[n:]
			drop("members", n)
		}
	}
	if over > 0 && len(cut.Matched) > 0 {
		for _, m := range cut.Matched {
			over -= len(m.Field) + len(m.Value) + len(m.Selection)
		}
		drop("matched fields", len(cut.Matched))
		cut.Matched = nil
	}
	if over > 0 && len(cut.Event) > 0 {
		drop("event", 1)
		cut.Event = nil
	}
	return Marshal(&cut)
}
