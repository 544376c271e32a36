package display_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

func record(t *testing.T, text string) display.Record {
	t.Helper()
	r, ok := display.ParseJSON([]byte(text))
	if !ok {
		t.Fatalf("no object: %s", text)
	}
	return r
}

func TestFieldsAreFoundByTheirNames(t *testing.T) {
	r := record(t, `{"a":{"b":{"c":1},"d.e":"x"},"f.g":{"h":true},"n":12345678901234567890,"l":["x",2,["y"]],"o":{"z":null},"t":""}`)
	for name, want := range map[string]string{
		"a.b.c": "1", "a.d.e": "x", "f.g.h": "true", "n": "12345678901234567890", "l": "x,2,y", "o.z": "", "t": "",
		"a.b": `{"c":1}`, "a.x": "none", "a.b.c.d": "none", "": "none", ".": "none", "a.": "none", "l.0": "none",
	} {
		got, ok := r.Field(name)
		if !ok {
			got = "none"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	for _, text := range []string{"", "5", "[]", `"x"`, "{", "null"} {
		if _, ok := display.ParseJSON([]byte(text)); ok {
			t.Errorf("%q is an object", text)
		}
	}
}

func TestFieldsMayHaveOtherNames(t *testing.T) {
	r := record(t, `{"process":{"executable":"/bin/sh"},"Image":{"x":1}}`).Aliased(func(name string) (string, bool) {
		return map[string]string{"Image": "process.executable", "Program": "process.executable", "Missing": "no.such"}[name], name != "None"
	})
	for name, want := range map[string]string{"Program": "/bin/sh", "Image": `{"x":1}`, "Missing": "", "None": "", "process.executable": "/bin/sh"} {
		if got, ok := r.Field(name); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v, want %q", name, got, ok, want)
		}
	}
}

func TestConditions(t *testing.T) {
	r := record(t, `{"process":{"name":"sshd","pid":42},"empty":""}`)
	for text, want := range map[string]bool{
		"process.name=sshd": true, "process.name=ssh": false, "process.name=ssh*": true, "process.name=*h*": true, "process.name=*": true,
		"process.name=s*d": true, "process.name=s*s*d": true, "process.name=ss*sshd": false, "process.name=sshd*sshd": false,
		"process.name!=sshd": false, "process.name!=x": true, "process.pid=42": true, "process.pid=4*": true,
		"missing=*": false, "missing!=x": true, "missing=": false, "empty=": true, "empty=*": true, "process.name=a=b": false,
	} {
		c, err := display.ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Match(r); got != want {
			t.Errorf("%s is met: %v", text, got)
		}
	}
	for _, text := range []string{"", "x", "=x", "!=x"} {
		if _, err := display.ParseCondition(text); err == nil {
			t.Errorf("%q is a condition", text)
		}
	}
}

// TestStarsMatchAsANaiveMatcherDoes, for any texts of few letters.
func TestStarsMatchAsANaiveMatcherDoes(t *testing.T) {
	var naive func(text, pattern string) bool
	naive = func(text, pattern string) bool {
		switch {
		case pattern == "":
			return text == ""
		case pattern[0] == '*':
			return naive(text, pattern[1:]) || text != "" && naive(text[1:], pattern)
		}
		return text != "" && text[0] == pattern[0] && naive(text[1:], pattern[1:])
	}
	rapid.Check(t, func(t *rapid.T) {
		text, pattern := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "text"), rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern")
		c, err := display.ParseCondition("f=" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := display.ParseJSON([]byte(`{"f":"` + text + `"}`))
		if got, want := c.Match(r), naive(text, pattern); got != want {
			t.Fatalf("%q matches %q: %v, want %v", text, pattern, got, want)
		}
	})
}

func TestLines(t *testing.T) {
	at := time.Date(2026, 11, 27, 8, 1, 2, 345e6, time.Local)
	event := func(category, action, rest string) string {
		return `{"@timestamp":"` + at.UTC().Format(time.RFC3339Nano) + `","host":{"name":"web1"},"event":{"action":"` + action + `","category":["` + category + `"]},` + rest + `}`
	}
	tests := []struct{ name, topic, json, text, want string }{
		{"a start", "events.process.lifecycle", event("process", "start",
			`"process":{"pid":4711,"name":"sleep","command_line":"sleep 1","parent":{"pid":42,"name":"bash"}},"user":{"id":"0"}`), "",
			"08:01:02.345 web1 start    0 sleep[4711]    sleep 1 < bash[42]"},
		{"an exit with a code", "events.process.lifecycle", event("process", "exit",
			`"process":{"pid":4711,"name":"false","executable":"/bin/false","exit_code":1},"user":{"name":"root"}`), "",
			"08:01:02.345 web1 exit     root false[4711] code 1 /bin/false"},
		{"a long name is cut, and not the pid", "events.process.lifecycle", event("process", "exit",
			`"process":{"pid":4194304,"name":"a-name-that-is-long","executable":"/x"},"user":{"name":"somebody"}`), "",
			"08:01:02.345 web1 exit     somebody a-nam…[4194304] /x"},
		{"an exit by a signal", "events.process.lifecycle", event("process", "exit", `"process":{"pid":4711,"name":"x","exit_code":137,"exit_signal":9}`), "",
			"08:01:02.345 web1 exit     x[4711]          signal 9"},
		{"a connection", "events.network.connections", event("network", "connect",
			`"process":{"pid":7,"name":"curl"},"network":{"transport":"tcp"},"source":{"ip":"::1","port":5},"destination":{"ip":"1.2.3.4","port":443}`), "",
			"08:01:02.345 web1 connect  curl[7]          tcp [::1]:5 > 1.2.3.4:443"},
		{"a port", "events.network.connections", event("network", "listen",
			`"process":{"pid":7,"name":"nc"},"network":{"transport":"tcp"},"destination":{"ip":"0.0.0.0","port":80}`), "",
			"08:01:02.345 web1 listen   nc[7]            tcp 0.0.0.0:80"},
		{"the end of a connection", "events.network.connections", event("network", "close",
			`"process":{"pid":7,"name":"nc"},"network":{"transport":"tcp"},"source":{"ip":"::1","port":5,"bytes":2048},"destination":{"ip":"::1","port":80,"bytes":0}`), "",
			"08:01:02.345 web1 close    nc[7]            tcp [::1]:5 > [::1]:80 up 2.0KiB down 0B"},
		{"a query", "events.network.dns", event("network", "query", `"process":{"pid":7,"name":"curl"},"dns":{"question":{"name":"example.org","type":"A"},"answers":{"data":["1.2.3.4","5.6.7.8"]}}`), "",
			"08:01:02.345 web1 query    curl[7]          example.org A 1.2.3.4,5.6.7.8"},
		{"another user", "events.process.metadata", event("process", "credentials",
			`"process":{"pid":7,"name":"su","command_line":"su ann"},"user":{"name":"ann"},"daemoneye":{"previous":{"user_id":"0"}}`), "",
			"08:01:02.345 web1 credent… ann su[7]        was user 0 su ann"},
		{"a program that has changed", "events.process.integrity", event("process", "integrity",
			`"process":{"pid":7,"name":"x","executable":"/bin/x","hash":{"sha256":"ab"}},"daemoneye":{"previous":{"sha256":"cd"}}`), "",
			"08:01:02.345 web1 integri… x[7]             /bin/x sha256 ab was cd"},
		{"a program that is too large", "events.process.integrity", event("process", "integrity", `"process":{"pid":7,"name":"x","executable":"/bin/x"}`), "",
			"08:01:02.345 web1 integri… x[7]             /bin/x not hashed"},
		{"the traffic of an interface", "events.network.traffic", event("network", "sample",
			`"system":{"network":{"name":"eth0","in":{"bytes":2048,"dropped":1},"out":{"bytes":0}}}`), "",
			"08:01:02.345 web1 sample   -                eth0 in 2.0KiB out 0B dropped 1"},
		{"a renamed file", "events.filesystem.operations", event("file", "rename", `"process":{"pid":7,"name":"mv"},"file":{"path":"/b"},"daemoneye":{"previous_path":"/a"}`), "",
			"08:01:02.345 web1 rename   mv[7]            /a > /b"},
		{"many files", "events.filesystem.bulk", event("file", "bulk", `"process":{"pid":7,"name":"x"},"file":{"path":"/srv"},"daemoneye":{"bulk":{"changes":200,"renames":100,"deletes":0}}`), "",
			"08:01:02.345 web1 bulk     x[7]             /srv 200 changes, renamed 100, deleted 0"},
		{"a measurement", "events.performance.system", event("host", "sample", `"host.cpu.usage":0.25,"system":{"load":{"1":1.5}}`), "",
			"08:01:02.345 web1 sample   -                cpu 25.0% load 1.5"},
		{"a measurement of a disk", "events.performance.system", event("host", "sample", `"host.disk.read.bytes":1536,"system":{"diskio":{"name":"vda"}},"daemoneye.disk.busy":0.5`), "",
			"08:01:02.345 web1 sample   -                vda busy 50.0% read 1.5KiB"},
		{"an anomaly", "events.performance.anomaly", event("host", "anomaly", `"daemoneye.anomaly":{"metric":"system.filesystem.used.pct","value":0.934,"limit":0.9},"system.filesystem.mount_point":"/var"`), "",
			"08:01:02.345 web1 anomaly  -                /var system.filesystem.used.pct 93.4% limit 90.0%"},
		{"a loss", "events.process.gap", event("process", "gap", `"daemoneye":{"gap":{"lost":12,"reason":"reports: the kernel's buffer was full"}}`), "",
			"08:01:02.345 web1 GAP      -                12 lost: reports: the kernel's buffer was full"},
		{"a loss of unknown size", "events.process.gap", event("process", "gap", `"daemoneye":{"gap":{"lost":0,"reason":"restart"}}`), "",
			"08:01:02.345 web1 GAP      -                an unknown number lost: restart"},
		{"an alert", "alerts.high", `{"rule":"demo"}`, `{"rule":"demo"}`, `08:01:02.345 - ALERT    -                {"rule":"demo"}`},
		{"text", "events.demo.two", `{"topic":"x","text":"plain"}`, "plain words", "08:01:02.345 - two      -                plain words"},
	}
	for _, tt := range tests {
		l := display.Lines{}
		if got := l.Line(&display.Message{Topic: tt.topic, Time: at, Text: tt.text, Record: record(t, tt.json)}); got != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}

func TestColumnsStandBelowEachOther(t *testing.T) {
	l := display.Lines{}
	line := func(host string) string {
		return l.Line(&display.Message{Topic: "a.b", Text: "detail", Record: record(t, `{"host":{"name":"`+host+`"}}`)})
	}
	line("a-long-name-of-a-host")
	a, b := line("x"), line("another")
	if strings.Index(a, "detail") != strings.Index(b, "detail") {
		t.Errorf("\n%s\n%s", a, b)
	}
}

// TestALineIsOneLine that fits the terminal and does nothing to it, whatever was
// published.
func TestALineIsOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		l := display.Lines{Width: rapid.IntRange(60, 200).Draw(t, "width")}
		object := map[string]string{}
		for _, name := range []string{"host.name", "event.action", "process.name", "process.command_line", "user.name"} {
			object[name] = text.Draw(t, name)
		}
		b := `{"event.category":"process"`
		for name, v := range object {
			b += `,"` + name + `":` + quote(v)
		}
		r, ok := display.ParseJSON([]byte(b + "}"))
		if !ok {
			t.Fatal(b)
		}
		got := l.Line(&display.Message{Topic: text.Draw(t, "topic"), Text: text.Draw(t, "text"), Record: r})
		if n := utf8.RuneCountInString(got); n > l.Width || got != display.Clean(got) || strings.ContainsAny(got, "\n\r\x1b\u202e\u2028") {
			t.Fatalf("%d characters of %d: %q", n, l.Width, got)
		}
	})
	l := display.Lines{Width: 80, Colour: true}
	got := l.Line(&display.Message{Topic: "alerts.high", Text: "x", Record: record(t, `{}`)})
	if !strings.Contains(got, "\x1b[31mALERT   \x1b[0m") {
		t.Errorf("without a colour: %q", got)
	}
}

func quote(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, `\u00`+string("0123456789abcdef"[r>>4])+string("0123456789abcdef"[r&15])...)
		default:
			b = append(b, string(r)...)
		}
	}
	return string(append(b, '"'))
}
