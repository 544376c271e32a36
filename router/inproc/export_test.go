package inproc

import "github.com/daemoneye/eventbus/router/broker"

// RingLength is how many messages a client may have on their way.
const RingLength = ringLength

// RingBytes is how many bytes.
const RingBytes = ringBytes

// Session returns the client's session.
func (l *Client) Session() *broker.Session { return l.session }
