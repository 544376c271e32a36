package emit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/emit"
	"github.com/daemoneye/eventbus/agent/event"
)

func TestAnEventHasHeaderOriginAndNumber(t *testing.T) {
	sequence := uint64(7)
	var got []event.Filesystem
	var messages []collector.Message
	e := emit.New(func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := event.Copy[event.File](v); ok {
			got = append(got, f)
		}
		m.Payload = nil
		messages = append(messages, m)
	}, event.Origin{Host: "web-1", Collector: "filesystem"}, event.TypeFilesystem, &sequence)

	who := (&event.Actor{Name: "vi"}).Encode()
	at := clock.Moment{MonoNs: 1, WallNs: 2, BootNs: 3}
	emit.Event(e, "events.filesystem.operations", event.Header{Operation: event.OpModify, PID: 4, StartTicks: 5, Flags: event.Inferred}, at, who, &event.File{Path: "/a"})
	e.Gap(event.Loss{Lost: 3, Reason: "records: the queue overflowed"}, at)

	want := []event.Filesystem{{
		Header: event.Header{
			Type: event.TypeFilesystem, Operation: event.OpModify, Flags: event.Inferred, PID: 4, StartTicks: 5, Sequence: 8, MonoNs: 1, WallNs: 2,
		},
		Origin: event.Origin{Host: "web-1", Collector: "filesystem"}, Actor: event.Actor{Name: "vi"}, Body: event.File{Path: "/a"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantMessages := []collector.Message{
		{Topic: "events.filesystem.operations", EventType: "filesystem", PID: 4},
		{Topic: "events.filesystem.gap", EventType: "filesystem"},
	}
	if diff := cmp.Diff(wantMessages, messages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sequence != 9 {
		t.Errorf("the last number is %d, want 9", sequence)
	}
}
