package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// Identity describes the client of a session.
type Identity struct {
	// Name is the name that the client has given itself, if the policy allows it.
	Name string `json:"name"`
	// Role is the role that the policy gave the client. The router does not read it.
	Role string `json:"role,omitempty"`
	PID  int    `json:"pid,omitempty"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
}

// IdentityTarget is where the broker answers who a client is.
const IdentityTarget = "system.identity"

// IdentityOf returns who sent the messages and requests that have this Source, or false if
// that client has gone. It asks the broker; over a socket, policy decides whether the caller
// may send requests to IdentityTarget. The broker never gives a source to another client.
func IdentityOf(ctx context.Context, b Bus, source uint32) (who Identity, ok bool, err error) {
	r, err := b.Request(ctx, IdentityTarget, strconv.AppendUint(nil, uint64(source), 10))
	if err != nil {
		return Identity{}, false, fmt.Errorf("identity of source %d: %w", source, err)
	}
	var found *Identity
	if err := json.Unmarshal(r.Payload, &found); err != nil {
		return Identity{}, false, fmt.Errorf("identity of source %d: %w", source, err)
	}
	if found == nil {
		return Identity{}, false, nil
	}
	return *found, true, nil
}

// Op is an operation of a client on a topic.
type Op uint8

// The operations that policy decides on.
const (
	OpPublish Op = iota
	OpSubscribe
	OpRequest
	OpRespond
)

func (o Op) String() string {
	return [...]string{"publish", "subscribe", "request", "respond"}[o]
}

// Authorize decides whether a client may do op with a topic or pattern. A refusal should
// wrap ErrDenied. The broker caches its results for OpPublish with the topic, and calls
// it each time for the other operations.
type Authorize func(op Op, topic string) error
