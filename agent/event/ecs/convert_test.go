package ecs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

var tables = []event.Table{
	event.TableProcess, event.TableNetwork, event.TableFilesystem, event.TablePerformance, event.TableGap,
}

func TestJSONHasRoomForEachFieldsObjects(t *testing.T) {
	for _, table := range tables {
		for _, f := range table.Fields() {
			if n := strings.Count(f.Name(), "."); n > ecs.MaxDepth {
				t.Errorf("%s lies %d objects deep, JSON is written to %d", f.Name(), n, ecs.MaxDepth)
			}
		}
	}
}

func convert(t testing.TB, doc string) event.View {
	t.Helper()
	b, err := ecs.Convert(nil, []byte(doc), ecs.Foreign{Header: event.Header{Type: event.TypeProcess, Operation: event.OpStart}})
	if err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	v, err := event.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestForeignDocuments converts documents, and shows what becomes of them as
// JSON, from the process on.
func TestForeignDocuments(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"names of Sigma, flat", `{"Image": "/bin/sh", "ParentImage": "/bin/su", "User": "root"}`,
			`{"process":{"parent":{"executable":"/bin/su"},"executable":"/bin/sh"},"user":{"name":"root"}}`},
		{"names of ECS, flat and nested", `{"process.name": "sh", "process": {"pid": 7, "parent": {"pid": 3}}}`,
			`{"process":{"pid":7,"parent":{"pid":3},"name":"sh"}}`},
		{"numbers as text and text as numbers", `{"ProcessId": "7", "User": 1000, "LogonId": "0x3e8"}`,
			`{"process":{"pid":7},"user":{"name":"1000","audit":{"id":"1000"}}}`},
		{"a number that is none is kept as it is", `{"ProcessId": "seven", "user": {"id": -1}}`,
			`{"unmapped":{"ProcessId":"seven","user.id":"-1"}}`},
		{"zero, empty and null are three things", `{"user": {"id": 0}, "Image": "", "CommandLine": null}`,
			`{"process":{"executable":""},"user":{"id":"0"}}`},
		{"the first of two values stands", `{"Image": "/bin/a", "process": {"executable": "/bin/b"}}`,
			`{"process":{"executable":"/bin/a"},"unmapped":{"process.executable":"/bin/b"}}`},
		{"a command line alone has no arguments", `{"CommandLine": "sh -c \"a b\""}`,
			`{"process":{"command_line":"sh -c \"a b\""}}`},
		{"arguments that make the command line", `{"CommandLine": "sh -c a b", "process": {"args": ["sh", "-c", "a b"]}}`,
			`{"process":{"command_line":"sh -c a b","args":["sh","-c","a b"]}}`},
		{"arguments that do not", `{"CommandLine": "sh -c \"a b\"", "process": {"args": ["sh", "-c", "a b"]}}`,
			`{"process":{"command_line":"sh -c \"a b\""},"unmapped":{"process.args":["sh","-c","a b"]}}`},
		{"arguments alone", `{"process": {"args": ["sh", "", "x"]}}`,
			`{"process":{"command_line":"sh  x","args":["sh","","x"]}}`},
		{"ancestors, the parent first", `{"process": {"ancestors": {"name": ["sh", "sshd"], "pid": [3, 2]}}}`,
			`{"process":{"parent":{"pid":3,"name":"sh"},"ancestors":{"pid":[3,2],"name":["sh","sshd"]}}}`},
		{"more ancestors than there is room for", `{"process": {"ancestors": {"name": ["a","b","c","d","e","f","g"]}}}`,
			`{"process":{"parent":{"name":"a"},"ancestors":{"name":["a","b","c","d","e","f"]}},"unmapped":{"process.ancestors.name":"g"}}`},
		{"lists, objects in lists, booleans", `{"tags": ["a", "b"], "x": [{"y": 1}, {"y": true}], "e": [], "o": {}}`,
			`{"unmapped":{"tags":["a","b"],"x.y":["1","true"]}}`},
		{"labels", `{"labels": {"env": "prod", "a.b": 1}}`,
			`{"labels":{"a.b":"1","env":"prod"}}`},
		{"an operation that there is not", `{"event": {"action": "process-started", "type": ["start"]}}`,
			`{"unmapped":{"event.action":"process-started"}}`},
		{"what follows from the rest, and what does not", `{"event": {"category": ["process", "session"], "kind": "alert"}}`,
			`{"unmapped":{"event.category":"session","event.kind":"alert"}}`},
		{"flags by name", `{"daemoneye": {"context": ["inferred", "no_such_flag"]}}`,
			`{"daemoneye":{"monotonic_ns":0,"context":["inferred"]},"unmapped":{"daemoneye.context":"no_such_flag"}}`},
		{"a status of what has not ended", `{"process": {"exit_code": 0}}`,
			`{"unmapped":{"process.exit_code":"0"}}`},
		{"bytes that are no UTF-8", "{\"Image\": \"/bin/\xff\", \"\xfe\": \"\xfd\"}",
			`{"process":{"executable":"/bin/` + "�" + `"},"unmapped":{"` + "�" + `":"` + "�" + `"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got, want map[string]any
			doc := ecs.Append(nil, convert(t, tt.doc))
			if err := json.Unmarshal(doc, &got); err != nil {
				t.Fatalf("%v: %s", err, doc)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			delete(got, "@timestamp")
			delete(got, "event")
			if host, _ := got["host"].(map[string]any); len(host) == 1 {
				delete(got, "host") // the id of no run of the kernel
			}
			if _, ok := want["daemoneye"]; !ok {
				delete(got, "daemoneye")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheTypeOfAForeignDocument(t *testing.T) {
	for doc, want := range map[string]event.Table{
		`{"event": {"category": "network"}}`:                        event.TableNetwork,
		`{"event.category": ["file"]}`:                              event.TableFilesystem,
		`{"event": {"category": "host"}}`:                           event.TablePerformance,
		`{"event": {"category": "web"}}`:                            event.TableProcess, // that of the header
		`{"event": {"category": "network", "action": "gap"}}`:       event.TableGap,
		`{"event": {"action": "gap", "category": ["performance"]}}`: event.TableGap,
	} {
		if got := convert(t, doc).Table(); got != want {
			t.Errorf("%s has table %v, want %v", doc, got, want)
		}
	}
	if _, err := ecs.Convert(nil, []byte(`{"a": 1}`), ecs.Foreign{}); !errors.Is(err, ecs.ErrType) {
		t.Errorf("without any type: %v, want %v", err, ecs.ErrType)
	}
}

func TestWhatIsNoJSONObject(t *testing.T) {
	for _, doc := range []string{
		"", " ", "null", "1", `"a"`, "[]", "{", `{"a"}`, `{"a":}`, `{"a":1,}`, `{} {}`, `{}x`, "\x00",
		`{"a":` + strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40) + `}`,
		strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat(`}`, 40),
	} {
		if b, err := ecs.Convert([]byte("before"), []byte(doc), ecs.Foreign{}); !errors.Is(err, ecs.ErrJSON) || string(b) != "before" {
			t.Errorf("%.20q: %v, %q", doc, err, b)
		}
	}
}

// TestAForeignDocumentIsBounded: what does not fit is left out, and the event
// shows it.
func TestAForeignDocumentIsBounded(t *testing.T) {
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `"f%d": "value", `, i)
	}
	for name, doc := range map[string]string{
		"fields":      "{" + many.String() + `"last": 1}`,
		"a long name": `{"` + strings.Repeat("x", 300) + `": 1}`,
		"a deep name": `{"` + strings.Repeat("x", 200) + `": {"` + strings.Repeat("y", 200) + `": {"z": 1}}}`,
		"no name":     `{"": 1}`,
		"a long text": `{"other": "` + strings.Repeat("x", 1<<16) + `"}`,
	} {
		v := convert(t, doc)
		if len(v) > event.MaxSize || !v.Flags().Has(event.FieldsDropped) {
			t.Errorf("%s: %d bytes, flags %b", name, len(v), v.Flags())
		}
	}
}

func TestADocumentGoesBeforeItsDefaults(t *testing.T) {
	f := ecs.Foreign{
		Header: event.Header{Type: event.TypeProcess, Sequence: 7, WallNs: 5},
		Origin: event.Origin{Host: "here", HostID: "id", Labels: []event.Pair{{Name: "env", Value: "prod"}, {Name: "team", Value: "shop"}}},
	}
	b, err := ecs.Convert(nil, []byte(`{"@timestamp": "2026-11-23T21:00:00.5+01:00", "host": {"name": "there"}, "labels": {"env": "test"}}`), f)
	if err != nil {
		t.Fatal(err)
	}
	v, err := event.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := event.Copy[event.Detail](v)
	want := event.Origin{Host: "there", HostID: "id", Labels: []event.Pair{{Name: "env", Value: "test"}, {Name: "team", Value: "shop"}}}
	if diff := cmp.Diff(want, got.Origin); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Sequence != 7 || got.WallNs != 1795464000500000000 {
		t.Errorf("sequence %d, time %d", got.Sequence, got.WallNs)
	}
}
