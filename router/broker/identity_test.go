package broker_test

import (
	"context"
	"testing"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/inproc"
)

// TestTheIdentityBehindASource holds that it is known until the client has gone.
func TestTheIdentityBehindASource(t *testing.T) {
	b := serve(t, router.Options{})
	who := router.Identity{Name: "requester", Role: "operator", PID: 42, UID: 1000}
	requester := inproc.New(b, who, nil)
	sources := make(chan uint32, 1)
	_, err := client(t, b, "answerer").Respond(t.Context(), "a.target", func(_ context.Context, r *router.Request) ([]byte, error) {
		sources <- r.Source
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := requester.Request(t.Context(), "a.target", nil); err != nil {
		t.Fatal(err)
	}
	source := <-sources
	if got, ok, err := b.Identity(t.Context(), source); got != who || !ok || err != nil {
		t.Errorf("identity %+v, %v, %v; want %+v", got, ok, err, who)
	}
	if err := requester.Close(); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := b.Identity(t.Context(), source); ok || err != nil {
		t.Errorf("identity of one that has gone: %+v, %v, %v", got, ok, err)
	}
}
