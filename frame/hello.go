package frame

import (
	"encoding/json"
	"fmt"

	"github.com/daemoneye/eventbus/frame/strictjson"
)

// MaxHandshake bounds the payload of hello and welcome in bytes. A frame that
// comes before welcome is at most HeaderSize longer, in both directions.
const MaxHandshake = 16 << 10

// MaxName bounds name and role of a client in bytes: they are in all statistics.
const MaxName = 256

// Hello is the payload of a client's first frame, in JSON.
type Hello struct {
	Name     string   `json:"name"`                // what the client calls itself
	Version  int      `json:"version"`             // the highest protocol version it speaks
	Role     string   `json:"role,omitempty"`      // what it wants to be; the broker's policy decides
	Features []string `json:"features,omitempty"`  // see FeatureS2
	BudgetNs int64    `json:"budget_ns,omitempty"` // latency it allows the broker for merging wake-ups; 0 is none
	ClockNs  int64    `json:"clock_ns,omitempty"`  // its clock when it wrote this; set: it converts its times to the broker's clock
}

// Welcome is the payload of the broker's answer to hello, in JSON.
type Welcome struct {
	Source           uint32   `json:"source"`           // the connection's id, stamped on what it sends
	Broker           string   `json:"broker"`           // name and version of the broker
	Version          int      `json:"version"`          // the protocol version of this connection
	Features         []string `json:"features"`         // those of hello's that the broker has too
	MaxMessageSize   int      `json:"max_message_size"` // bytes of a whole frame
	MaxConnections   int      `json:"max_connections"`
	MaxQueued        int      `json:"max_queued"`                  // messages in the queue of a subscription
	MaxRequests      int      `json:"max_requests,omitempty"`      // requests of the connection that are open at once; 0: not known
	MaxSubscriptions int      `json:"max_subscriptions,omitempty"` // of the connection; 0: not known
	HeartbeatMs      int64    `json:"heartbeat_ms"`                // a side that is silent for three times as long is taken for dead
	Urgent           []string `json:"urgent"`                      // patterns of the topics that travel in the urgent lane

	// What the client may do, as patterns of topics: nil where the broker does not
	// report it, empty where it may not at all.
	Publish   []string `json:"publish,omitzero"`
	Subscribe []string `json:"subscribe,omitzero"`
	Request   []string `json:"request,omitzero"`
	Respond   []string `json:"respond,omitzero"`

	Epoch   string `json:"epoch,omitempty"`    // of the broker's sequences: another one is another broker, or the same started anew
	ClockNs int64  `json:"clock_ns,omitempty"` // the broker's clock when it wrote this, see ClockOffset
}

// AppendHello appends the payload of a hello frame. It fails, and returns dst as it
// was, with ErrBody for a name or role above MaxName, and with ErrTooLarge above
// MaxHandshake.
func AppendHello(dst []byte, h *Hello) ([]byte, error) {
	if err := h.check(); err != nil {
		return dst, err
	}
	return appendJSON(dst, h)
}

// ParseHello reads the payload of a hello frame. It fails with ErrBody, and with
// ErrVersion for a version below 1. Keys that are unknown here are ignored: they
// are of a later client.
func ParseHello(payload []byte) (Hello, error) {
	var h Hello
	err := parseJSON("hello", payload, &h)
	if err == nil {
		err = h.check()
	}
	if err == nil && h.Version < 1 {
		err = &DecodeError{"hello", HeaderSize, ErrVersion}
	}
	if err != nil {
		return Hello{}, err
	}
	return h, nil
}

// check finds values that a hello must not have.
func (h *Hello) check() error {
	switch {
	case len(h.Name) > MaxName, len(h.Role) > MaxName:
		return &DecodeError{"hello", HeaderSize, fmt.Errorf("%w: name and role take at most %d bytes", ErrBody, MaxName)}
	case h.BudgetNs < 0, h.ClockNs < 0:
		return &DecodeError{"hello", HeaderSize, errNegative}
	}
	return nil
}

// AppendWelcome appends the payload of a welcome frame. It fails, and returns dst
// as it was, with ErrTooLarge above MaxHandshake: a broker leaves out the patterns
// of what the client may do, where they are too many.
func AppendWelcome(dst []byte, w *Welcome) ([]byte, error) { return appendJSON(dst, w) }

// ParseWelcome reads the payload of a welcome frame. It fails with ErrBody, and
// with ErrVersion for a version that this package does not speak. Keys that are
// unknown here are ignored: they are of a later broker.
func ParseWelcome(payload []byte) (Welcome, error) {
	var w Welcome
	err := parseJSON("welcome", payload, &w)
	switch {
	case err != nil:
	case w.Version != Version:
		err = &DecodeError{"welcome", HeaderSize, ErrVersion}
	case w.MaxMessageSize < HeaderSize:
		err = &DecodeError{"welcome", HeaderSize, fmt.Errorf("%w: max_message_size below %d lets nothing through", ErrBody, HeaderSize)}
	case min(w.MaxConnections, w.MaxQueued, w.MaxRequests, w.MaxSubscriptions) < 0, w.HeartbeatMs < 0, w.ClockNs < 0:
		err = &DecodeError{"welcome", HeaderSize, errNegative}
	}
	if err != nil {
		return Welcome{}, err
	}
	return w, nil
}

var errNegative = fmt.Errorf("%w: a number below 0", ErrBody)

func appendJSON(dst []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return dst, err
	}
	if len(b) > MaxHandshake {
		return dst, fmt.Errorf("%w: handshake longer than %d bytes", ErrTooLarge, MaxHandshake)
	}
	return append(dst, b...), nil
}

// parseJSON decodes the JSON of a handshake into the struct that v points to.
func parseJSON(field string, payload []byte, v any) error {
	if err := strictjson.Unmarshal(payload, v, strictjson.Options{MaxBytes: MaxHandshake, IgnoreUnknown: true}); err != nil {
		return &DecodeError{field, HeaderSize, fmt.Errorf("%w: %w", ErrBody, err)}
	}
	return nil
}
