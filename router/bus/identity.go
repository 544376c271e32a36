package bus

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
