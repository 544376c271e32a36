package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// Verb is what a request wants.
type Verb string

// The verbs.
const (
	List        Verb = "list"
	Show        Verb = "show"
	Acknowledge Verb = "acknowledge"
	Close       Verb = "close"
	Reopen      Verb = "reopen"
	Note        Verb = "note"
	Silence     Verb = "silence"
	Unsilence   Verb = "unsilence"
	Silences    Verb = "silences"
)

// Request is what an operator asks for.
type Request struct {
	Do       Verb        `json:"do"`
	Filter   *Filter     `json:"filter,omitempty"`
	Alerts   []string    `json:"alerts,omitempty"` // ids, or their ends
	Text     string      `json:"text,omitempty"`
	Silence  *NewSilence `json:"silence,omitempty"`
	Silences []string    `json:"silences,omitempty"` // ids, or their ends
}

// Filter is store.Filter in JSON.
type Filter struct {
	Status   []alert.Status `json:"status,omitempty"`
	Level    string         `json:"level,omitempty"`
	Rule     string         `json:"rule,omitempty"`
	Host     string         `json:"host,omitempty"`
	Since    time.Time      `json:"since,omitzero"`
	Until    time.Time      `json:"until,omitzero"`
	Text     string         `json:"text,omitempty"`
	Silenced *bool          `json:"silenced,omitempty"`
	Before   string         `json:"before,omitempty"`
	Limit    int            `json:"limit,omitempty"`
	Whole    bool           `json:"whole,omitempty"` // with context and members
}

// NewSilence is a silence to be made.
type NewSilence struct {
	Match  []alert.Condition `json:"match"`
	Reason string            `json:"reason"`
	Until  time.Time         `json:"until"`
}

// Answer is what comes back.
type Answer struct {
	Alerts   []json.RawMessage `json:"alerts,omitempty"` // alert.Alert
	More     bool              `json:"more,omitempty"`
	Silences []*alert.Silence  `json:"silences,omitempty"`
	Problem  *Problem          `json:"problem,omitempty"`
}

// Code states what kind of problem there is.
type Code string

// The codes.
const (
	Invalid   Code = "invalid"   // the request has to change
	NotFound  Code = "not_found" // no alert or silence has that id
	Ambiguous Code = "ambiguous" // several have it
	Status    Code = "status"    // it is so already
	Later     Code = "later"     // not now, and later it may succeed
)

// Problem is why something was not done.
type Problem struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

func (p *Problem) Error() string { return p.Text }

func problem(code Code, format string, args ...any) *Problem {
	return &Problem{code, fmt.Sprintf(format, args...)}
}

// Source is what can be listed: a store, or what is left of one.
type Source interface {
	Query(store.Filter) ([]*alert.Alert, bool, error)
	Silences() []*alert.Silence
}

// MaxIDs bounds the alerts that one request changes, and maxList those that it lists.
const (
	MaxIDs  = 1000
	maxList = 1000
)

// Desk answers requests about one store. Safe for concurrent use.
type Desk struct {
	store *store.Store
}

// New returns the desk of s.
func New(s *store.Store) *Desk { return &Desk{s} }

// Answer carries out a request for the operator called by, and returns the answer of at
// most limit bytes, or a little more for one alert that is large.
func (d *Desk) Answer(ctx context.Context, by string, q *Request, limit int) *Answer {
	a := &Answer{}
	var err error
	switch q.Do {
	case List, Show, Silences:
		a, err = Read(d.store, q, limit)
	case Acknowledge, Close, Reopen, Note:
		err = d.change(ctx, by, q, a, limit)
	case Silence:
		err = d.silence(ctx, by, q, a)
	case Unsilence:
		err = d.unsilence(ctx, by, q, a)
	default:
		err = problem(Invalid, "there is no %.40q to do", string(q.Do))
	}
	a.Problem = asProblem(err)
	return a
}

// asProblem is the problem that err is, nil for none.
func asProblem(err error) *Problem {
	var p *Problem
	code := Later
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return p
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrSilence):
		code = NotFound
	case errors.Is(err, store.ErrStatus):
		code = Status
	case errors.Is(err, alert.ErrSilence), errors.Is(err, store.ErrText):
		code = Invalid
	}
	return problem(code, "%s", strings.ReplaceAll(err.Error(), "alert store: ", ""))
}

// Read answers a request that changes nothing. Of the problems only those of the store are
// errors.
func Read(s Source, q *Request, limit int) (a *Answer, err error) {
	a = &Answer{}
	switch q.Do {
	case List:
		f, p := q.Filter.filter()
		if p != nil {
			return a, p
		}
		all, more, err := s.Query(f)
		if err != nil {
			return a, err
		}
		a.More = more
		return a, a.add(all, limit, q.Filter == nil || !q.Filter.Whole)
	case Show:
		all, err := find(s, q.Alerts)
		if err != nil {
			return a, err
		}
		return a, a.add(all, limit, false)
	case Silences:
		a.Silences = s.Silences()
		return a, nil
	}
	return a, problem(Invalid, "%.40q changes something, and nothing can be changed here", string(q.Do))
}

func (f *Filter) filter() (x store.Filter, p *Problem) {
	if f == nil {
		return x, nil
	}
	x = store.Filter{Status: f.Status, Rule: f.Rule, Host: f.Host, Since: f.Since, Until: f.Until, Text: f.Text, Silenced: f.Silenced, Limit: min(f.Limit, maxList)}
	var err error
	if f.Level != "" {
		if x.Level, err = alert.ParseLevel(f.Level); err != nil {
			return x, problem(Invalid, "%v", err)
		}
	}
	if f.Before != "" {
		if x.Before, err = alert.ParseID(f.Before); err != nil {
			return x, problem(Invalid, "before: %v", err)
		}
	}
	return x, nil
}

// add puts alerts in the answer until it has limit bytes.
func (a *Answer) add(all []*alert.Alert, limit int, short bool) error {
	size := 0
	for _, x := range all {
		if short {
			y := *x
			y.Context, y.Members = nil, nil
			x = &y
		}
		b, err := x.Encode(limit)
		if err != nil {
			return err
		}
		if size += len(b) + 1; size > limit && len(a.Alerts) > 0 {
			a.More = true
			return nil
		}
		a.Alerts = append(a.Alerts, b)
	}
	return nil
}

// minEnd is how much of an id names an alert.
const minEnd = 4

// find returns the alerts with these ids, or the problem of the first one that is none.
func find(s Source, ids []string) (all []*alert.Alert, err error) {
	if len(ids) == 0 || len(ids) > MaxIDs {
		return nil, problem(Invalid, "want 1 to %d alerts", MaxIDs)
	}
	for _, id := range ids {
		if len(id) < minEnd {
			return nil, problem(Invalid, "%q is too short for the end of an id: want %d characters", id, minEnd)
		}
		found, more, err := s.Query(store.Filter{ID: id, Limit: 1})
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, problem(NotFound, "there is no alert %.40q", id)
		case more:
			return nil, problem(Ambiguous, "several alerts have %.40q at the end of their id: give more of it", id)
		}
		all = append(all, found[0])
	}
	return all, nil
}
