package control

import (
	"slices"
	"time"
)

// Operation is what a request asks for.
type Operation string

// The operations.
const (
	OpRegister         Operation = "register"
	OpDeregister       Operation = "deregister"
	OpStart            Operation = "start"
	OpStop             Operation = "stop"
	OpRestart          Operation = "restart"
	OpHealthCheck      Operation = "health_check"
	OpUpdateConfig     Operation = "update_config"
	OpGetCapabilities  Operation = "get_capabilities"
	OpGracefulShutdown Operation = "graceful_shutdown"
	OpForceShutdown    Operation = "force_shutdown"
	OpPause            Operation = "pause"
	OpResume           Operation = "resume"
	OpExecuteTask      Operation = "execute_task"
)

// OperationInfo is a row of the table of operations. The tables in PROTOCOL.md are
// compared with it by a test.
type OperationInfo struct {
	Operation Operation
	// Callers are the roles that may call it at the agent. A collector takes operations
	// from the agent only.
	Callers []string
	// Collector means that a collector itself carries it out when the agent calls it. The
	// agent carries out the others alone.
	Collector bool
	// Changes means that it changes the collector, so that one after the other is carried
	// out. An operation that does not change anything waits for none.
	Changes bool
	// Urgent means that it is carried out at once although it changes the collector.
	Urgent bool
	// Timeout is the time that a caller gives it without a choice of its own.
	Timeout time.Duration
}

// CollectorRole is the role of a client whose process is a collector.
const CollectorRole = "collector"

var (
	operators = []string{Operator}
	anyone    = []string{Operator, CollectorRole}
)

// operations is the table of operations.
var operations = []OperationInfo{
	{Operation: OpRegister, Callers: anyone, Changes: true, Urgent: true, Timeout: 5 * time.Second},
	{Operation: OpDeregister, Callers: anyone, Changes: true, Urgent: true, Timeout: 5 * time.Second},
	{Operation: OpStart, Callers: operators, Changes: true, Timeout: 30 * time.Second},
	{Operation: OpStop, Callers: operators, Changes: true, Timeout: 30 * time.Second},
	{Operation: OpRestart, Callers: operators, Changes: true, Timeout: time.Minute},
	{Operation: OpHealthCheck, Callers: operators, Collector: true, Timeout: 5 * time.Second},
	{Operation: OpUpdateConfig, Callers: operators, Collector: true, Changes: true, Timeout: 10 * time.Second},
	{Operation: OpGetCapabilities, Callers: operators, Collector: true, Timeout: 5 * time.Second},
	{Operation: OpGracefulShutdown, Callers: operators, Collector: true, Changes: true, Timeout: time.Minute},
	{Operation: OpForceShutdown, Callers: operators, Collector: true, Changes: true, Urgent: true, Timeout: 5 * time.Second},
	{Operation: OpPause, Callers: operators, Collector: true, Changes: true, Timeout: 10 * time.Second},
	{Operation: OpResume, Callers: operators, Collector: true, Changes: true, Timeout: 10 * time.Second},
	{Operation: OpExecuteTask, Callers: operators, Collector: true, Timeout: 30 * time.Second},
}

// Operations returns the table of operations. It is not to be changed.
func Operations() []OperationInfo { return operations }

// Info returns the row of the operation in the table, false where there is none.
func (o Operation) Info() (OperationInfo, bool) {
	i := slices.IndexFunc(operations, func(info OperationInfo) bool { return info.Operation == o })
	if i < 0 {
		return OperationInfo{}, false
	}
	return operations[i], true
}
