package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// ClientRole is the role of commands that do more than ask. They are ordinary clients,
// and need a place like others.
const ClientRole = "client"

// ErrNoAnswer is the end of a wait for the agent.
var ErrNoAnswer = errors.New("no answer in time")

// AnswerTimeout is how long a healthy agent may take to answer.
const AnswerTimeout = 5 * time.Second

// Dial connects to the agent as a client called o.Name; without a role it is an operator
// who asks, and who gets in even if all connections are taken. The client ends with its
// connection, because a person at a terminal wants to know.
func (t *Target) Dial(ctx context.Context, o ipc.ClientOptions) (*ipc.Client, error) {
	o.NoReconnect = true
	return t.DialLasting(ctx, o)
}

// DialLasting is dial for a client that connects again when the connection is lost. The
// agent must be there at first.
func (t *Target) DialLasting(ctx context.Context, o ipc.ClientOptions) (*ipc.Client, error) {
	path, err := t.path()
	if err != nil {
		return nil, err
	}
	o.Path, o.Role = path, cmp.Or(o.Role, control.Operator)
	dialing, cancel := context.WithTimeout(ctx, AnswerTimeout)
	defer cancel()
	client, err := ipc.DialOptions(dialing, o)
	return client, Late(ctx, dialing, err)
}

// Late returns errNoAnswer when err is the end of the wait, and err otherwise. outer is
// the context from before the wait.
func Late(outer, wait context.Context, err error) error {
	if err != nil && outer.Err() == nil && errors.Is(wait.Err(), context.DeadlineExceeded) {
		return ErrNoAnswer
	}
	return err
}

// Ask sends a request to the agent of t, with body as JSON where it is not nil, and reads the
// answer into answer. The request may take timeout.
func Ask(ctx context.Context, t *Target, o ipc.ClientOptions, timeout time.Duration, target string, body, answer any) error {
	client, err := t.Dial(ctx, o)
	if err != nil {
		return err
	}
	defer client.Close()
	return Request(ctx, client, timeout, target, body, answer)
}

// Request is Ask over a client.
func Request(ctx context.Context, client *ipc.Client, timeout time.Duration, target string, body, answer any) (err error) {
	var request []byte
	if body != nil {
		if request, err = json.Marshal(body); err != nil {
			return err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := client.Request(waiting, target, request)
	if err != nil {
		return Late(ctx, waiting, err)
	}
	if err := json.Unmarshal(reply.Payload, answer); err != nil {
		return fmt.Errorf("answer of the agent: %w", err)
	}
	return nil
}

// AskStatus requests the agent's status.
func AskStatus(ctx context.Context, client *ipc.Client) (s control.Status, err error) {
	waiting, cancel := context.WithTimeout(ctx, AnswerTimeout)
	defer cancel()
	reply, err := client.Request(waiting, control.StatusTarget, nil)
	for began := time.Now(); errors.Is(err, router.ErrNoResponder) && time.Since(began) < startTime; {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-waiting.Done():
		}
		reply, err = client.Request(waiting, control.StatusTarget, nil)
	}
	if err != nil {
		return s, Late(ctx, waiting, err)
	}
	if err := json.Unmarshal(reply.Payload, &s); err != nil {
		return s, fmt.Errorf("answer of the agent: %w", err)
	}
	return s, nil
}

// startTime bounds how long a client may be there before the agent answers: a service
// manager lets it connect before the agent has started.
const startTime = time.Second
