package webhook

import (
	"context"
	"net"
)

// Dial has s connect with dial.
func Dial(s *Sink, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	s.dial = dial
}
