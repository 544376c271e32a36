package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/router"
)

// FuzzEnvelope feeds bytes to the decoders of requests and answers, and to a dispatcher.
// What is taken is within its bounds, and is the same when it is written and read again;
// what is refused has a code of the protocol, and an answer that its sender can read.
func FuzzEnvelope(f *testing.F) {
	handlers := make(map[control.Operation]dispatch.Handler)
	for _, info := range control.Operations() {
		handlers[info.Operation] = nil // so that nothing is carried out
	}
	d := dispatch.New(dispatch.Options{Handlers: handlers})
	f.Cleanup(d.Close)
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		q, err := control.DecodeRequest(text)
		if err != nil {
			checkOperationError(t, err)
		} else {
			if len(q.ID) == 0 || len(q.ID) > control.MaxID || q.Deadline <= 0 || control.CheckName(q.Target) != nil {
				t.Fatalf("accepted: %+v", q)
			}
			written, err := json.Marshal(q)
			if err != nil {
				t.Fatal(err)
			}
			again, err := control.DecodeRequest(written)
			if err != nil {
				t.Fatalf("%s: what was read and written is refused: %v", written, err)
			}
			q.Payload, again.Payload = compact(q.Payload), compact(again.Payload)
			if !reflect.DeepEqual(q, again) {
				t.Fatalf("(-read +written and read):\n%s", cmp.Diff(q, again))
			}
		}
		answer, err := d.Respond(t.Context(), &router.Request{Payload: text})
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		if r, err := control.DecodeResponse(answer, &q); err != nil || r.Error == nil {
			t.Fatalf("answer %s: %v", answer, err)
		}
		if r, err := control.DecodeResponse(text, &q); err != nil {
			checkOperationError(t, err)
		} else if (r.Error == nil) != (r.Status == control.OutcomeSuccess) {
			t.Fatalf("accepted as an answer: %+v", r)
		}
		if !bytes.Equal(text, before) {
			t.Fatal("decoding wrote into its input")
		}
	})
}

func checkOperationError(t *testing.T, err error) {
	t.Helper()
	var e *control.Error
	if !errors.As(err, &e) || e.Message == "" || len(e.Message) > 1<<10 || e.Category != e.Code.Info().Category {
		t.Fatalf("%T %v", err, err)
	}
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}
