package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
// Incomplete names it. The alert itself stays as it is. Limits below 256 KiB may not be met,
// because the fields of the rule stay, which Bounded bounds.
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
		over -= len(cut.Event)
		drop("event", 1)
		cut.Event = nil
	}
	if n := len(cut.Group) + len(cut.Labels); over > 0 && n > 0 {
		drop("labels and values of the group", n)
		cut.Group, cut.Labels = nil, nil
	}
	return Marshal(&cut)
}

// What an alert has of its rule at most, in bytes. Public rules have less than half of it.
const (
	maxRuleID          = 256
	maxRuleTitle       = 512
	maxRuleDescription = 4 << 10
	maxRulePath        = 1 << 10
	maxRuleList        = 8 << 10 // of all entries together
)

// Bounded returns the rule with texts that are cut where they are too long: each line about
// an alert has some of them, and none may be longer than a store or a receiver takes.
func (r Rule) Bounded() Rule {
	r.ID, r.Title, r.Description, r.Path = shorten(r.ID, maxRuleID), shorten(r.Title, maxRuleTitle), shorten(r.Description, maxRuleDescription), shorten(r.Path, maxRulePath)
	r.Tags, r.FalsePositives, r.References = first(r.Tags), first(r.FalsePositives), first(r.References)
	return r
}

// shorten returns text in at most n bytes, cut between two characters.
func shorten(text string, n int) string {
	const more = "…"
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-len(more)], "") + more
}

// first returns the entries that have maxRuleList bytes together.
func first(all []string) []string {
	size := 0
	for i, text := range all {
		if size += len(text); size > maxRuleList {
			return all[:i:i]
		}
	}
	return all
}
