package event

// Exit is the body of a process event. Only that of an exit has it.
type Exit struct {
	Code   uint8 // what the process gave to exit; with a signal 128 and its number
	Signal uint8 // that ended it, 0 for none
}

// Process is a process event.
type Process = Event[Exit]

// A status is that of shells: a signal counts as 128 and its number. The signal
// stands beside it, because a process may give such a code to exit by itself.
var exit = newBlock(offBody, TableProcess, blockFixed,
	row[Exit]{name: "process.exit_code", doc: "status; with a signal 128 and its number", unread: ExitStatusUnknown, only: OpExit,
		form: always(KindNumber, func(e *Exit) *uint8 { return &e.Code })},
	row[Exit]{name: "process.exit_signal", doc: "signal that ended it", unread: ExitStatusUnknown, only: OpExit,
		form: number(KindNumber, func(e *Exit) *uint8 { return &e.Signal })},
)
