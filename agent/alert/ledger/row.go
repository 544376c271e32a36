package ledger

import (
	"github.com/daemoneye/eventbus/agent/alert"
)

// Row is what is known of one alert after all of its lines, without what fills it.
//
// Immutable.
type Row struct {
	Seq uint64 `json:"seq"` // of the line that raised it, which has all of it
	// Alert is brief, but has its notes.
	Alert *alert.Alert `json:"alert"`
}

// Raise returns the row of an alert that was raised in line seq.
func Raise(seq uint64, a *alert.Alert) Row { return Row{seq, a.Brief()} }

// After returns the row after a later line of its alert.
func (r Row) After(e *Entry) Row {
	if e.Kind == alert.KindRaised {
		return r
	}
	a := *e.Alert
	a.Notes = r.Alert.Notes
	if e.Text != "" {
		a.Notes = append(a.Notes[:len(a.Notes):len(a.Notes)], alert.Note{Time: e.Time, By: e.By, Text: e.Text})
	}
	return Row{r.Seq, &a}
}

// Fill returns the alert with all that whole, its line, has of it and the state of the row.
func (r Row) Fill(whole *alert.Alert) *alert.Alert {
	a := *whole
	b := r.Alert
	a.Status, a.Count, a.Last, a.Silenced, a.Notes = b.Status, b.Count, b.Last, b.Silenced, b.Notes
	return &a
}
