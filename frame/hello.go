package frame

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Features that a client may list in its hello and a broker in its welcome;
// both may use those that both listed.
const (
	FeatureS2   = "s2"   // payloads may be s2 blocks
	FeatureZstd = "zstd" // payloads may be zstd frames
)

// compressions are the features that are compressions, and the flag of each.
var compressions = [...]struct {
	name string
	flag Flags
}{{FeatureS2, FlagS2}, {FeatureZstd, FlagZstd}}

// Compressions returns the flags of the compressions that are among features.
func Compressions(features []string) (flags Flags) {
	for _, c := range compressions {
		if slices.Contains(features, c.name) {
			flags |= c.flag
		}
	}
	return flags
}

// CompressionNames returns the features of the compressions in flags; the list may be
// empty and is not nil.
func CompressionNames(flags Flags) []string {
	names := make([]string, 0, len(compressions))
	for _, c := range compressions {
		if flags&c.flag != 0 {
			names = append(names, c.name)
		}
	}
	return names
}

// MaxHandshake bounds the payload of hello and welcome in bytes.
const MaxHandshake = 16 << 10

// Hello is the payload of a client's first frame, in JSON.
type Hello struct {
	Name     string   `json:"name"`                // what the client calls itself
	Version  int      `json:"version"`             // the highest protocol version it speaks
	Role     string   `json:"role,omitempty"`      // what it wants to be; the broker's policy decides
	Features []string `json:"features,omitempty"`  // see FeatureS2
	BudgetNs int64    `json:"budget_ns,omitempty"` // latency it allows the broker for merging wake-ups; 0 is none
}

// Welcome is the payload of the broker's answer to hello, in JSON.
type Welcome struct {
	Source         uint32   `json:"source"`           // the connection's id, stamped on what it sends
	Broker         string   `json:"broker"`           // name and version of the broker
	Version        int      `json:"version"`          // the protocol version of this connection
	Features       []string `json:"features"`         // those of hello's that the broker has too
	MaxMessageSize int      `json:"max_message_size"` // bytes of a whole frame
	MaxConnections int      `json:"max_connections"`
	MaxQueued      int      `json:"max_queued"`      // messages in the queue of a subscription
	HeartbeatMs    int64    `json:"heartbeat_ms"`    // whoever is silent for three times as long is taken for dead
	Urgent         []string `json:"urgent"`          // patterns of the topics that travel in the urgent lane
	Epoch          string   `json:"epoch,omitempty"` // of the broker's sequences: another one is another broker, or the same started anew
}

// AppendHello appends the payload of a hello frame.
func AppendHello(dst []byte, h *Hello) ([]byte, error) { return appendJSON(dst, h) }

// ParseHello reads the payload of a hello frame. Keys that are unknown here are
// ignored. It fails with ErrBody, and with ErrVersion for a version below 1.
func ParseHello(payload []byte) (h Hello, err error) {
	if err := parseJSON("hello", payload, &h); err != nil {
		return Hello{}, err
	}
	if h.Version < 1 {
		return Hello{}, &DecodeError{"hello", HeaderSize, ErrVersion}
	}
	return h, nil
}

// AppendWelcome appends the payload of a welcome frame.
func AppendWelcome(dst []byte, w *Welcome) ([]byte, error) { return appendJSON(dst, w) }

// ParseWelcome reads the payload of a welcome frame. Keys that are unknown here
// are ignored. It fails with ErrBody, and with ErrVersion for a version that
// this package does not speak.
func ParseWelcome(payload []byte) (w Welcome, err error) {
	if err := parseJSON("welcome", payload, &w); err != nil {
		return Welcome{}, err
	}
	if w.Version != Version {
		return Welcome{}, &DecodeError{"welcome", HeaderSize, ErrVersion}
	}
	if w.MaxMessageSize < HeaderSize {
		return Welcome{}, &DecodeError{"welcome", HeaderSize, ErrBody}
	}
	return w, nil
}

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

// parseJSON decodes an object into the struct that v points to. By itself json
// would take null for an object, repair what is not UTF-8, and take a key in
// another case for the same key.
func parseJSON(field string, payload []byte, v any) error {
	if len(payload) > MaxHandshake || !utf8.Valid(payload) {
		return &DecodeError{field, HeaderSize, ErrBody}
	}
	var values map[string]json.RawMessage
	err := json.Unmarshal(payload, &values)
	if err == nil && values == nil {
		return &DecodeError{field, HeaderSize, ErrBody}
	}
	for f, to := range reflect.ValueOf(v).Elem().Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if raw, ok := values[key]; ok && err == nil {
			err = json.Unmarshal(raw, to.Addr().Interface())
		}
	}
	if err != nil {
		return &DecodeError{field, HeaderSize, fmt.Errorf("%w: %w", ErrBody, err)}
	}
	return nil
}
