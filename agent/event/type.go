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

// category is what the Elastic Common Schema calls the type.
var category = [...]string{
	TypeProcess:     "process",
	TypeNetwork:     "network",
	TypeFilesystem:  "file",
	TypePerformance: "host",
}

// TypeByCategory returns the type that the Elastic Common Schema, or we, call
// so, and 0 for a name that there is not.
func TypeByCategory(name string) Type {
	for t, c := range category {
		if name != "" && (c == name || typeNames[t] == name) {
			return Type(t)
		}
	}
	return 0
}

// Operation is what happened.
type Operation uint8

// The operations. A new one is added at the end: the numbers are the protocol.
const (
	OpSnapshot   Operation = 1  // was there when the source was opened
	OpStart      Operation = 2  // a process began to run a program (exec)
	OpExit       Operation = 3  // a process ended
	OpFork       Operation = 4  // a process came to be that runs its parent's program
	OpGap        Operation = 5  // the source lost something: the body is that of a gap
	OpConnect    Operation = 6  // a connection was opened from here
	OpAccept     Operation = 7  // a connection was opened to here
	OpListen     Operation = 8  // a port was opened to others
	OpClose      Operation = 9  // a connection ended
	OpQuery      Operation = 10 // a name was looked up
	OpCreate     Operation = 11 // a file came to be
	OpModify     Operation = 12 // its content changed
	OpDelete     Operation = 13 // it was removed
	OpRename     Operation = 14 // it got another name
	OpAttributes Operation = 15 // its owner, mode or times changed
	OpAccess     Operation = 16 // it was opened or read
	OpSample     Operation = 17 // a measurement
	OpAnomaly    Operation = 18 // a figure has been beyond its limit for some time
	OpRecovery   Operation = 19 // and is within it again
	OpBulk       Operation = 20 // one process changed many files in a short time

	OpCredentials Operation = 21 // the effective user or group of a process changed
	OpIntegrity   Operation = 22 // the hash of a program that was run for the first time, or has changed
)

// operation is what an operation is called, here and in the Elastic Common
// Schema (event.type).
type operation struct{ name, ecs string }

var operations = [...]operation{
	OpSnapshot:   {"snapshot", "info"},
	OpStart:      {"start", "start"},
	OpExit:       {"exit", "end"},
	OpFork:       {"fork", "start"},
	OpGap:        {"gap", "info"},
	OpConnect:    {"connect", "connection"},
	OpAccept:     {"accept", "connection"},
	OpListen:     {"listen", "info"},
	OpClose:      {"close", "end"},
	OpQuery:      {"query", "protocol"},
	OpCreate:     {"create", "creation"},
	OpModify:     {"modify", "change"},
	OpDelete:     {"delete", "deletion"},
	OpRename:     {"rename", "change"},
	OpAttributes: {"attributes", "change"},
	OpAccess:     {"access", "access"},
	OpSample:     {"sample", "info"},
	OpAnomaly:    {"anomaly", "info"},
	OpRecovery:   {"recovery", "info"},
	OpBulk:       {"bulk", "change"},

	OpCredentials: {"credentials", "change"},
	OpIntegrity:   {"integrity", "info"},
}

// String returns the name of o as JSON has it in event.action, "unknown" for an
// operation that this version does not have.
func (o Operation) String() string { return o.names().name }

// OperationByName is the reverse of String, 0 for a name that there is not.
func OperationByName(name string) Operation {
	for i, o := range operations {
		if o.name == name && name != "" {
			return Operation(i)
		}
	}
	return 0
}

func (o Operation) names() operation {
	if int(o) < len(operations) && o != 0 {
		return operations[o]
	}
	return operation{unknown, "info"}
}

const unknown = "unknown"

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return unknown
}
