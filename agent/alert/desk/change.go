package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

func (d *Desk) change(ctx context.Context, by string, q *Request, a *Answer, limit int) error {
	all, err := find(d.store, q.Alerts)
	if err != nil {
		return err
	}
	change := map[Verb]func(context.Context, alert.ID, string, string) error{
		Acknowledge: d.store.Ack, Close: d.store.CloseAlert, Reopen: d.store.Reopen, Note: d.store.Note,
	}[q.Do]
	var done []*alert.Alert
	for _, x := range all {
		if err = change(ctx, x.ID, by, q.Text); err != nil {
			if err = fmt.Errorf("%s: %w", short(x.ID.String()), err); errors.Is(err, store.ErrStatus) {
				err = problem(Status, "%s is %s already", short(x.ID.String()), x.Status)
			}
			break
		}
		now, gerr := d.store.Get(x.ID)
		if gerr != nil {
			err = gerr
			break
		}
		done = append(done, now)
	}
	if aerr := a.add(done, limit, true); err == nil {
		err = aerr
	}
	return err
}

// short is the end of an id, as people see it.
func short(id string) string { return id[len(id)-ShortID:] }

// ShortID is how many characters of an id people see.
const ShortID = 8

func (d *Desk) silence(ctx context.Context, by string, q *Request, a *Answer) error {
	if q.Silence == nil {
		return problem(Invalid, "want a silence")
	}
	for _, c := range q.Silence.Match {
		if err := CheckField(c.Field); err != nil {
			return err
		}
		if _, err := alert.ParseLevel(c.Value); c.Field == "rule.level" && err != nil && !strings.Contains(c.Value, "*") {
			return problem(Invalid, "%v", err)
		}
	}
	s, err := d.store.Silence(ctx, alert.Silence{Reason: q.Silence.Reason, By: by, Until: q.Silence.Until, Match: q.Silence.Match})
	if err == nil {
		a.Silences = []*alert.Silence{s}
	}
	return err
}

func (d *Desk) unsilence(ctx context.Context, by string, q *Request, a *Answer) error {
	if len(q.Silences) == 0 {
		return problem(Invalid, "want the id of a silence")
	}
	for _, end := range q.Silences {
		s, err := findSilence(d.store.Silences(), end)
		if err == nil {
			err = d.store.Unsilence(ctx, s.ID, by, q.Text)
		}
		if errors.Is(err, store.ErrSilence) {
			err = problem(NotFound, "the silence %.40q has ended", end)
		}
		if err != nil {
			return err
		}
		a.Silences = append(a.Silences, s)
	}
	return nil
}

func findSilence(all []*alert.Silence, end string) (found *alert.Silence, err error) {
	if len(end) < minEnd {
		return nil, problem(Invalid, "%q is too short for the end of an id: want %d characters", end, minEnd)
	}
	for _, s := range all {
		if !strings.HasSuffix(s.ID, strings.ToUpper(end)) {
			continue
		}
		if found != nil {
			return nil, problem(Ambiguous, "several silences have %.40q at the end of their id: give more of it", end)
		}
		found = s
	}
	if found == nil {
		return nil, problem(NotFound, "there is no silence %.40q", end)
	}
	return found, nil
}
