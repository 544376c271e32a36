package outbox

import (
	"context"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// Publisher appends messages that differ only in extension and payload. Safe for
// concurrent use.
type Publisher struct {
	o    *Outbox
	t    frame.Template
	lane bus.Lane
}

// Publisher returns a publisher of messages of t, for the lane that they have in the broker.
func (o *Outbox) Publisher(t frame.Template, lane bus.Lane) Publisher { return Publisher{o, t, lane} }

// Publish appends a message, and decides when it is written.
func (p *Publisher) Publish(ctx context.Context, extension, payload []byte) error {
	o := p.o
	o.mu.Lock()
	if !o.hasRoom(p.lane) {
		if err := o.reserve(ctx, p.lane, p.Size(extension, payload)); err != nil {
			o.mu.Unlock()
			return err
		}
	}
	now := o.stamp()
	b := &o.lanes[p.lane]
	*b = p.t.Append(*b, o.nextMessageID(p.lane), now+o.offset, extension, payload)
	return o.messageAppended(ctx, p.lane, now)
}

// PublishFlagged is Publish of a message with other flags than those of the template.
func (p *Publisher) PublishFlagged(ctx context.Context, flags frame.Flags, extension, payload []byte) error {
	o := p.o
	o.mu.Lock()
	if err := o.reserve(ctx, p.lane, p.Size(extension, payload)); err != nil {
		o.mu.Unlock()
		return err
	}
	now := o.stamp()
	b := &o.lanes[p.lane]
	start := len(*b)
	*b = p.t.Append(*b, o.nextMessageID(p.lane), now+o.offset, extension, payload)
	frame.Frame((*b)[start:]).SetFlags(flags)
	return o.messageAppended(ctx, p.lane, now)
}

// Flags returns the flags of the template.
func (p *Publisher) Flags() frame.Flags { return p.t.Flags() }

// Size returns how long the frame of a message is.
func (p *Publisher) Size(extension, payload []byte) int { return p.t.Size(extension, payload) }
