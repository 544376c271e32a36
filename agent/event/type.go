package event

// Type is what an event is about. It is also the second segment of the topic
// that the event is published on.
type Type uint8

// The types of events.
const (
	TypeProcess     Type = 1
	TypeNetwork     Type = 2
	TypeFilesystem  Type = 3
	TypePerformance Type = 4
)

var typeNames = [...]string{
	TypeProcess:     "process",
	TypeNetwork:     "network",
	TypeFilesystem:  "filesystem",
	TypePerformance: "performance",
}

// String returns the name of t as topics and subscriptions use it, "unknown" for
// a type that this version does not have.
func (t Type) String() string { return nameOf(typeNames[:], uint8(t)) }

// Operation is what happened.
type Operation uint8

// The operations.
const (
	OpSnapshot Operation = 1 // was there when the source was opened
	OpStart    Operation = 2 // a process began to run a program (exec)
	OpExit     Operation = 3 // a process ended
	OpFork     Operation = 4 // a process came to be that runs its parent's program
	OpGap      Operation = 5 // the source lost something: the body is that of a gap
)

var operationNames = [...]string{
	OpSnapshot: "snapshot",
	OpStart:    "start",
	OpExit:     "exit",
	OpFork:     "fork",
	OpGap:      "gap",
}

// String returns the name of o as JSON has it in event.action, "unknown" for an
// operation that this version does not have.
func (o Operation) String() string { return nameOf(operationNames[:], uint8(o)) }

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return "unknown"
}
