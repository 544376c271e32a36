package receive_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/collector/receive"
)

// Every test must leave no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBatchesComeInOrderAndGoBack(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	q := receive.New(2, 4)
	ended := make(chan error, 1)
	go func() { ended <- q.Receive(t.Context(), receive.File(r)) }() // it ends with the pipe
	for _, text := range []string{"one", "two", "more"} {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		b := <-q.Full()
		if string(b.Bytes) != text || b.Overrun {
			t.Errorf("%q, want %q", b.Bytes, text)
		}
		q.Done(b)
	}
	w.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("ended with %v", err)
	}
}

// TestReceiveEndsWithItsContext, whether it waits for the kernel or for the parser.
func TestReceiveEndsWithItsContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for range 2 {
		q := receive.New(1, 4)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Receive(ctx, receive.File(r)) }() // awaited below
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	}
}
