package proc

import (
	"encoding/json"
	"fmt"
)

// What parent and child send to each other; one line of JSON each. The descriptors
// are those that os/exec gives to ExtraFiles.
const (
	fdOrders  = 3 // parent to child
	fdReports = 4 // child to parent

	roleVariable = "DAEMONEYE_BENCH_ROLE"
)

type kind string

const (
	kindArgs   kind = "args"   // parent: once, at the start
	kindGo     kind = "go"     // parent: begin
	kindReady  kind = "ready"  // child: set up, waits for go
	kindResult kind = "result" // child: done, stays until its orders end
	kindError  kind = "error"  // child: what went wrong, as text
)

type message struct {
	Kind kind            `json:"kind"`
	Body json.RawMessage `json:"body,omitempty"`
}

func newMessage(k kind, body any) (message, error) {
	if body == nil {
		return message{Kind: k}, nil
	}
	b, err := json.Marshal(body)
	if err != nil {
		return message{}, fmt.Errorf("proc: encode %s: %w", k, err)
	}
	return message{Kind: k, Body: b}, nil
}

// into decodes the body of a message of kind k into v, which may be nil.
func (m message) into(k kind, v any) error {
	if m.Kind != k {
		return fmt.Errorf("proc: %s where %s was due", m.Kind, k)
	}
	if v == nil || len(m.Body) == 0 {
		return nil
	}
	if err := json.Unmarshal(m.Body, v); err != nil {
		return fmt.Errorf("proc: decode %s: %w", k, err)
	}
	return nil
}
