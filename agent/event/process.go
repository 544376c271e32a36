package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Detail is the body of a process event. Each operation has its own part of it, and what
// is not known is empty.
type Detail struct {
	Code   uint8 // exit: what the process gave to exit; with a signal 128 and its number
	Signal uint8 // exit: that ended it, 0 for none

	PreviousUID, PreviousGID Number // credentials: effective ones before the change

	SHA256   string // of the program, in small letters
	Hashes   string // the same as rules of Sigma have it, SHA256=...
	Previous string // integrity: hash of the file that had the path before
	Size     Number // integrity: bytes of the program
}

// SetHash notes the hash of the program.
func (d *Detail) SetHash(sha256 string) { d.SHA256, d.Hashes = sha256, "SHA256="+sha256 }

// Process is a process event.
type Process = Event[Detail]

// A status is that of shells: a signal counts as 128 and its number. The signal
// stands beside it, because a process may give such a code to exit by itself.
var detail = newBlock(offBody, TableProcess, wire.HeadSize,
	row[Detail]{name: "process.exit_code", doc: "status; with a signal 128 and its number", unread: ExitStatusUnknown, only: OpExit,
		form: always(KindNumber, func(d *Detail) *uint8 { return &d.Code })},
	row[Detail]{name: "process.exit_signal", doc: "signal that ended it", unread: ExitStatusUnknown, only: OpExit,
		form: number(KindNumber, func(d *Detail) *uint8 { return &d.Signal })},
	row[Detail]{name: "daemoneye.previous.user_id", doc: "number of the effective user before it changed", only: OpCredentials,
		form: maybe(KindID, 4, func(d *Detail) *Number { return &d.PreviousUID })},
	row[Detail]{name: "daemoneye.previous.group_id", doc: "number of the effective group before it changed", only: OpCredentials,
		form: maybe(KindID, 4, func(d *Detail) *Number { return &d.PreviousGID })},
	row[Detail]{name: "process.hash.sha256", sigma: "sha256", doc: "hash of the program", unread: HashUnread, only: OpIntegrity,
		form: text(MaxID, func(d *Detail) *string { return &d.SHA256 })},
	row[Detail]{name: "daemoneye.hashes", sigma: "Hashes", doc: "the same in the form SHA256=..., which rules compare", unread: HashUnread, only: OpIntegrity,
		form: text(MaxID, func(d *Detail) *string { return &d.Hashes })},
	row[Detail]{name: "daemoneye.previous.sha256", doc: "hash of the file that had the path of the program before", only: OpIntegrity,
		form: text(MaxID, func(d *Detail) *string { return &d.Previous })},
	row[Detail]{name: "daemoneye.program.size", doc: "size of the program, bytes", only: OpIntegrity,
		form: maybe(KindNumber, 8, func(d *Detail) *Number { return &d.Size })},
)
