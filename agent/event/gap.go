package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Loss is the body of a gap: a source lost records before the agent could read
// them. Header.Type shows which kind of records.
type Loss struct {
	Lost    uint64 // since the last gap of the source; 0 when that is not known
	Total   uint64 // since the source was opened, as far as known
	Reason  string
	SinceNs int64 // when it began, since 1970; 0 when not known. It ended at the event's time
}

// Gap is the event of a loss. Its operation is OpGap whatever the header has.
type Gap = Event[Loss]

var loss = newBlock(offBody, TableGap, wire.HeadSize,
	row[Loss]{name: "daemoneye.gap.lost", doc: "records lost since the gap before, 0: not known",
		form: always(KindNumber, func(l *Loss) *uint64 { return &l.Lost })},
	row[Loss]{name: "daemoneye.gap.total", doc: "records lost since the source was opened",
		form: always(KindNumber, func(l *Loss) *uint64 { return &l.Total })},
	row[Loss]{name: "daemoneye.gap.reason", doc: "why records were lost",
		form: text(MaxReason, func(l *Loss) *string { return &l.Reason })},
	row[Loss]{name: "daemoneye.gap.since", doc: "when the loss began",
		form: number(KindTime, func(l *Loss) *int64 { return &l.SinceNs })},
)
