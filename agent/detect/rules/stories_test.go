package rules_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// story is what happens one after the other, an event a second, and what it raises.
type story struct {
	name   string
	events []string // JSON
	want   []string
}

func repeat(n int, format string) (all []string) {
	for i := range n {
		all = append(all, strings.ReplaceAll(format, "%d", strconv.Itoa(i+1)))
	}
	return all
}

func starts(names ...string) (all []string) {
	for _, name := range names {
		all = append(all, `{"event.category": "process", "event.action": "start", "Image": "/usr/bin/`+name+`", "CommandLine": "`+name+`", "ParentProcessId": 4711}`)
	}
	return all
}

var stories = []story{
	{
		"many questions in a short time",
		starts("whoami", "id", "uname", "whoami", "hostname", "ss", "ls", "lsmod"),
		[]string{"Many questions about the host in a short time"},
	},
	{
		"the same question again and again",
		starts("id", "id", "id", "id", "id", "id", "id", "id"),
		nil,
	},
	{
		"a file is dropped and run",
		[]string{
			`{"event.category": "file", "event.action": "create", "TargetFilename": "/tmp/x", "Image": "/usr/bin/curl", "file.mode": "0755"}`,
			`{"event.category": "file", "event.action": "create", "TargetFilename": "/tmp/y", "Image": "/usr/bin/curl", "file.mode": "0755"}`,
			`{"event.category": "process", "event.action": "start", "Image": "/tmp/x", "CommandLine": "/tmp/x"}`,
		},
		[]string{"Program dropped where everybody may write, and run", "Program in a directory for temporary files"},
	},
	{
		"another file than the one that is run",
		[]string{
			`{"event.category": "file", "event.action": "create", "TargetFilename": "/tmp/y", "Image": "/usr/bin/curl", "file.mode": "0755"}`,
			`{"event.category": "process", "event.action": "start", "Image": "/tmp/x", "CommandLine": "/tmp/x"}`,
		},
		[]string{"Program in a directory for temporary files"},
	},
	{
		"a download in a pipe to a shell",
		[]string{
			`{"event.category": "process", "event.action": "start", "Image": "/usr/bin/curl", "CommandLine": "curl -fsSL https://example.org/x", "ParentProcessId": 4711}`,
			`{"event.category": "process", "event.action": "start", "Image": "/usr/bin/dash", "CommandLine": "sh", "ParentProcessId": 4711}`,
		},
		[]string{"Download in a pipe to a shell"},
	},
	{
		"a download, and a shell of somebody else",
		[]string{
			`{"event.category": "process", "event.action": "start", "Image": "/usr/bin/curl", "CommandLine": "curl -fsSL https://example.org/x", "ParentProcessId": 4711}`,
			`{"event.category": "process", "event.action": "start", "Image": "/usr/bin/dash", "CommandLine": "sh", "ParentProcessId": 4712}`,
		},
		nil,
	},
	{
		"a program is replaced by hand",
		[]string{
			`{"event.category": "file", "event.action": "modify", "TargetFilename": "/usr/local/bin/backup", "Image": "/usr/bin/cp"}`,
			`{"event.category": "process", "event.action": "integrity", "Image": "/usr/local/bin/backup", "sha256": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9", "daemoneye.previous.sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}`,
		},
		[]string{"Program replaced by hand, and run"},
	},
	{
		"an update",
		[]string{
			`{"event.category": "file", "event.action": "rename", "TargetFilename": "/usr/bin/openssl", "SourceFilename": "/usr/bin/openssl.dpkg-new", "Image": "/usr/bin/dpkg"}`,
			`{"event.category": "process", "event.action": "integrity", "Image": "/usr/bin/openssl", "sha256": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9", "daemoneye.previous.sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}`,
		},
		nil,
	},
	{
		"passwords are tried",
		repeat(30, `{"event.category": "network", "event.action": "accept", "Initiated": "false", "SourceIp": "198.51.100.8", "SourcePort": %d, "DestinationIp": "10.0.0.5", "DestinationPort": 22, "Image": "/usr/sbin/sshd"}`),
		[]string{"Many connections to the service for logins from one address"},
	},
	{
		"many log in, each from another address",
		repeat(40, `{"event.category": "network", "event.action": "accept", "Initiated": "false", "SourceIp": "198.51.100.%d", "SourcePort": 4711, "DestinationIp": "10.0.0.5", "DestinationPort": 22, "Image": "/usr/sbin/sshd"}`),
		nil,
	},
	{
		"ports are scanned",
		repeat(30, `{"event.category": "network", "event.action": "connect", "Initiated": "true", "DestinationIp": "10.0.0.9", "DestinationPort": %d, "Image": "/usr/bin/python3", "host.boot.id": "00112233-4455-6677-8899-aabbccddeeff"}`),
		[]string{"One process connects to many ports"},
	},
	{
		"one port of many hosts",
		repeat(60, `{"event.category": "network", "event.action": "connect", "Initiated": "true", "DestinationIp": "10.0.0.%d", "DestinationPort": 9100, "Image": "/usr/bin/prometheus", "host.boot.id": "00112233-4455-6677-8899-aabbccddeeff"}`),
		nil,
	},
	{
		"one user goes to many hosts",
		repeat(15, `{"event.category": "network", "event.action": "connect", "Initiated": "true", "DestinationIp": "10.0.0.%d", "DestinationPort": 22, "Image": "/usr/bin/ssh", "User": "ann"}`),
		[]string{"One user goes to many hosts by ssh"},
	},
	{
		"somebody else computes here",
		[]string{
			`{"event.category": "process", "event.action": "start", "Image": "/home/ann/.kworker", "CommandLine": "kworker", "host.boot.id": "00112233-4455-6677-8899-aabbccddeeff"}`,
			`{"event.category": "host", "event.action": "anomaly", "daemoneye.anomaly.metric": "host.cpu.usage", "host.cpu.usage": 0.99, "host.boot.id": "00112233-4455-6677-8899-aabbccddeeff"}`,
		},
		[]string{"Program that nobody installed, and the processors are busy"},
	},
	{
		"a build keeps the processors busy",
		[]string{
			`{"event.category": "process", "event.action": "start", "Image": "/usr/bin/make", "CommandLine": "make -j4", "host.boot.id": "00112233-4455-6677-8899-aabbccddeeff"}`,
			`{"event.category": "host", "event.action": "anomaly", "daemoneye.anomaly.metric": "host.cpu.usage", "host.cpu.usage": 0.99, "host.boot.id": "00112233-4455-6677-8899-aabbccddeeff"}`,
		},
		nil,
	},
}

func TestCorrelationsFireOnTheirStories(t *testing.T) {
	r := load(t)
	fired := map[string]bool{}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			d := r.Detector()
			var got []string
			for i, doc := range s.events {
				h := event.Header{PID: 4711, StartTicks: 99, WallNs: int64(i) * time.Second.Nanoseconds()}
				b, err := ecs.Convert(nil, []byte(doc), ecs.Foreign{Header: h})
				if err != nil {
					t.Fatal(err)
				}
				v, err := event.Parse(b)
				if err != nil {
					t.Fatal(err)
				}
				for name := range v.Extra() {
					t.Errorf("no event has the field %s", name)
				}
				for _, x := range d.Observe(v) {
					got = append(got, x.Head.Title)
					fired[x.Head.Title] = true
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(s.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, c := range r.Set.Correlations {
		if !fired[c.Title] {
			t.Errorf("%s has no story on which it fires", c.Title)
		}
	}
}
