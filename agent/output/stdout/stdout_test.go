package stdout_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/stdout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func line(it *output.Item) []byte { return it.Body }

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
		s := stdout.New(stdout.NewWriter(p), line)
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

func TestAReaderThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	writer := stdout.NewWriter(w)
	big := output.Item{Body: bytes.Repeat([]byte("x"), 1<<20)} // more than a pipe holds
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	n, err := stdout.New(writer, line).Send(ctx, []output.Item{big, {Body: []byte("second")}})
	if !errors.Is(err, context.DeadlineExceeded) || n > 1 {
		t.Fatalf("%d, %v, want an end with the context", n, err)
	}
	got := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r)
		got <- string(b)
	}()
	again := []output.Item{big, {Body: []byte("second")}}[n:] // by another sink, as after a reload
	if m, err := stdout.New(writer, line).Send(t.Context(), again); m != len(again) || err != nil {
		t.Fatal(m, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("x", 1<<20) + "\nsecond\n"; <-got != want {
		t.Error("not each line once")
	}
}
