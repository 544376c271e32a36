package stdout_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/stdout"
)

// pipe takes so many bytes, and then nothing until it has more room.
type pipe struct {
	bytes.Buffer
	room int
}

var errFull = errors.New("full")

func (p *pipe) Write(b []byte) (int, error) {
	n := min(p.room, len(b))
	p.room -= n
	p.Buffer.Write(b[:n])
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestALineIsWrittenOnceAlsoWhereThePipeIsFull(t *testing.T) {
	items := []output.Item{{Body: []byte("first")}, {Body: []byte("second")}, {Body: []byte("third")}}
	const want = "first\nsecond\nthird\n"
	for room := range len(want) {
		p := &pipe{room: room}
		s := stdout.New(p, func(it *output.Item) []byte { return append([]byte(nil), it.Body...) })
		rest := items
		for len(rest) > 0 {
			n, err := s.Send(t.Context(), rest)
			if rest = rest[n:]; err == nil {
				break
			}
			if !errors.Is(err, errFull) {
				t.Fatal(err)
			}
			p.room += 3
		}
		p.room = len(want)
		if _, err := s.Send(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil || p.String() != want {
			t.Errorf("with room for %d: %q, %v", room, p.String(), err)
		}
	}
}
