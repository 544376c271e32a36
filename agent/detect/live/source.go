package live

import (
	"bytes"
	"context"
	"fmt"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/router"
)

// sources finds who sent an event, and whether it may be of such a type.
//
// One goroutine at a time.
type sources struct {
	identify func(ctx context.Context, source uint32) (router.Identity, bool, error)
	owned    func(event.Type) bool // a collector of that name is configured

	known map[uint32]router.Identity // for good: a source is never given to another client
}

// maxSources bounds what is remembered of clients. Beyond it all are asked for again.
const maxSources = 1024

// forgery is why an event must be one.
type forgery uint8

const (
	genuine   forgery = iota
	elsewhere         // its type has topics of its own, and it was published on those of another
	foreign           // there is a collector of its type, and another one published it
)

// check returns why an event must be a forgery, genuine if it need not be. topic is where
// it was published. It makes no text, because a flood of forgeries costs that of each.
//
// The broker has refused already what a collector published on another one's topics. What
// is left is an event that does not belong on its topic, and one of an external collector
// on a topic of its own, of a type that another collector is there for.
func (s *sources) check(ctx context.Context, source uint32, topic []byte, t event.Type) forgery {
	named := event.TypeByCategory(string(second(topic)))
	if named != 0 && named != t {
		return elsewhere
	}
	if named == t || !s.owned(t) {
		return genuine
	}
	if who, ok := s.who(ctx, source); ok && who.Role == control.CollectorRole {
		return foreign
	}
	return genuine
}

// describe puts a forgery in words, with who sent it.
func (s *sources) describe(ctx context.Context, why forgery, source uint32, topic []byte, t event.Type) (reason, from string) {
	from = s.peer(ctx, source)
	if why == elsewhere {
		return fmt.Sprintf("an event of type %v on topic %.80s", t, topic), from
	}
	who, _ := s.who(ctx, source)
	return fmt.Sprintf("an event of type %v of collector %.64s", t, who.Name), from
}

// who returns who a client is, false where it has gone.
func (s *sources) who(ctx context.Context, source uint32) (router.Identity, bool) {
	if who, ok := s.known[source]; ok {
		return who, true
	}
	who, ok, err := s.identify(ctx, source)
	if err != nil || !ok {
		return who, false
	}
	if s.known == nil || len(s.known) >= maxSources {
		s.known = make(map[uint32]router.Identity)
	}
	s.known[source] = who
	return who, true
}

// peer describes a client for the log.
func (s *sources) peer(ctx context.Context, source uint32) string {
	who, ok := s.who(ctx, source)
	if !ok {
		return fmt.Sprintf("client %d, which has gone", source)
	}
	text := fmt.Sprintf("client %d: name %.64q, uid %d, pid %d", source, who.Name, who.UID, who.PID)
	if who.Role != "" {
		text += ", role " + who.Role
	}
	return text
}

// second returns the second segment of a topic.
func second(topic []byte) []byte {
	_, rest, _ := bytes.Cut(topic, []byte("."))
	name, _, _ := bytes.Cut(rest, []byte("."))
	return name
}
