package bus

// Identity is who is behind a port.
type Identity struct {
	// Name is what the client calls itself, as far as policy lets it.
	Name string `json:"name"`
	// Role is what policy made of it; free text for the router.
	Role string `json:"role,omitempty"`
	PID  int    `json:"pid,omitempty"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
}

// Op is what a client wants to do with a topic.
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

// Authorize decides whether a client may do op with a topic or pattern; a
// refusal should wrap ErrDenied. Its answers to OpPublish are kept with the topic;
// of the others it is asked each time.
type Authorize func(op Op, topic string) error
