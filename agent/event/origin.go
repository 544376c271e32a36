package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Origin is where events come from: the same for all of a collector's run.
type Origin struct {
	BootID    [16]byte // /proc/sys/kernel/random/boot_id
	Host      string   // its name
	HostID    string   // its id, which a new name does not change
	Collector string
	Labels    []Pair // what the operator calls the host: env, team
}

var origin = newBlock(offOrigin, 0, wire.HeadSize,
	row[Origin]{name: "event.provider", doc: "collector that made the event",
		form: text(MaxName, func(o *Origin) *string { return &o.Collector })},
	row[Origin]{name: "host.name", sigma: "Computer", doc: "name of the host",
		form: text(MaxHost, func(o *Origin) *string { return &o.Host })},
	row[Origin]{name: "host.id", doc: "id of the host, whatever its name",
		form: text(MaxID, func(o *Origin) *string { return &o.HostID })},
	row[Origin]{name: "host.boot.id", doc: "id of the run of the kernel",
		form: uuid(func(o *Origin) *[16]byte { return &o.BootID })},
	row[Origin]{name: "labels", doc: "labels of the host; one of them is labels.NAME",
		form: pairs(MaxLabels, func(o *Origin) *[]Pair { return &o.Labels })},
)

// OriginBlock is an origin in its binary form. It is made once, and stands in
// every event of a collector. The zero OriginBlock has no field.
//
// Immutable, and so safe for concurrent use.
type OriginBlock struct{ encoded }

// Encode returns the binary form of o.
func (o *Origin) Encode() OriginBlock {
	b, cut := origin.append(nil, o, 0, forced{})
	return OriginBlock{encoded{b, cut}}
}

// encoded is a block that was built before the event.
type encoded struct {
	b   []byte
	cut Flags
}

// Origin returns a copy of where the event is from.
func (v View) Origin() (o Origin) {
	origin.copy(v, &o)
	return o
}
