package event_test

import (
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

func header(op event.Operation) event.Header {
	return event.Header{
		Operation:  op,
		PID:        4711,
		StartTicks: 230918,
		Sequence:   7,
		MonoNs:     2309180000000,
		WallNs:     1795467600123456789,
	}
}

func web(collector string) event.Origin {
	return event.Origin{
		BootID:    [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff},
		Host:      "web-1",
		HostID:    "9f86d081884c7d659a2feaa0c55ad015",
		Collector: collector,
		Labels:    []event.Pair{{Name: "env", Value: "prod"}, {Name: "team", Value: "shop"}},
	}
}

// curl is an actor of whom everything is known.
func curl() event.Actor {
	return event.Actor{
		Name:              "curl",
		Executable:        "/usr/bin/curl",
		CommandLine:       "curl\x00-fsSL\x00https://downloads.example.org/releases/latest/install.sh\x00-o\x00/tmp/install.sh\x00",
		Directory:         "/var/www/shop",
		StartNs:           1795467600120000000,
		UID:               event.Known(0),
		GID:               event.Known(0),
		User:              "root",
		LoginUID:          event.Known(1000),
		LoginUser:         "ann",
		Unit:              "php-fpm.service",
		PPID:              4242,
		ParentStartTicks:  230001,
		ParentName:        "sh",
		ParentExecutable:  "/usr/bin/dash",
		ParentCommandLine: "/bin/sh -c curl -fsSL https://downloads.example.org/releases/latest/install.sh -o /tmp/install.sh",
		Ancestors: [event.MaxAncestors]event.Ancestor{
			{PID: 4100, Name: "php-fpm", Executable: "/usr/sbin/php-fpm8.4"},
			{PID: 4000, Name: "php-fpm", Executable: "/usr/sbin/php-fpm8.4"},
			{PID: 1, Name: "systemd", Executable: "/usr/lib/systemd/systemd"},
		},
	}
}

func process(op event.Operation) event.Process {
	h := header(op)
	h.Type = event.TypeProcess
	return event.Process{Header: h, Origin: web("process"), Actor: curl()}
}

func connected() event.Network {
	h := header(event.OpConnect)
	h.Type = event.TypeNetwork
	return event.Network{Header: h, Origin: web("network"), Actor: curl(), Body: event.Connection{
		Source:      event.Endpoint{Address: "10.0.0.7", Port: 51334},
		Destination: event.Endpoint{Address: "2001:db8::7", Port: 443, Name: "downloads.example.org"},
		Transport:   "tcp",
		Direction:   event.Egress,
	}}
}

func queried() event.Network {
	e := connected()
	e.Operation = event.OpQuery
	e.Body = event.Connection{
		Source:      event.Endpoint{Address: "10.0.0.7", Port: 51335},
		Destination: event.Endpoint{Address: "10.0.0.2", Port: 53},
		Transport:   "udp",
		Direction:   event.Egress,
		Query: event.Query{
			Name: "downloads.example.org", Type: "AAAA", Status: "NOERROR",
			Answers: "2001:db8::7\x002001:db8::8\x00",
		},
	}
	return e
}

func closed() event.Network {
	e := connected()
	e.Operation = event.OpClose
	e.Body.Source.Bytes = event.Known(612)
	e.Body.Destination.Bytes = event.Known(0)
	e.Body.DurationNs = event.Known(1500000)
	return e
}

func renamed() event.Filesystem {
	h := header(event.OpRename)
	h.Type = event.TypeFilesystem
	return event.Filesystem{Header: h, Origin: web("filesystem"), Actor: curl(), Body: event.File{
		Path: "/etc/cron.d/install", Previous: "/tmp/install.sh", Type: "file", Mode: "0644",
		UID: event.Known(0), GID: event.Known(0), Inode: 393301, Size: event.Known(0),
		SHA256:     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		Operations: event.OperationSet(event.OpRename, event.OpModify), Changes: event.Known(7), Renames: event.Known(1), Deletes: event.Known(0), SinceNs: 1,
	}}
}

// through is the traffic of an interface.
func through() event.Network {
	h := header(event.OpSample)
	h.Type, h.PID, h.StartTicks = event.TypeNetwork, 0, 0
	flow := func(n uint64) event.Flow {
		return event.Flow{Bytes: event.Known(1000 * n), Packets: event.Known(n), Errors: event.Known(0), Dropped: event.Known(1)}
	}
	return event.Network{Header: h, Origin: web("network"), Body: event.Connection{Traffic: event.Traffic{
		Interface: "eth0", DurationNs: event.Known(10_000_000_000), In: flow(7), Out: flow(5),
	}}}
}

// becameRoot is a process whose user changed, and not its group.
func becameRoot() event.Process {
	e := process(event.OpCredentials)
	e.Body = event.Detail{PreviousUID: event.Known(33)}
	return e
}

// hashed is a program that is another one than before.
func hashed() event.Process {
	e := process(event.OpIntegrity)
	e.Body = event.Detail{Size: event.Known(260328), Previous: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
	e.Body.SetHash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	return e
}

func sampled() event.Performance {
	h := header(event.OpSample)
	h.Type = event.TypePerformance
	h.PID, h.StartTicks = 0, 0
	return event.Performance{Header: h, Origin: web("performance"), Body: event.Usage{
		CPU: event.Known(0), Load1: event.Known(420000), Load5: event.Known(1000000), Load15: event.Known(12345678),
		MemoryTotal: event.Known(16 << 30), MemoryUsed: event.Known(3 << 30),
		Received: event.Known(12345), Sent: event.Known(67890), PressureCPU: event.Known(1),
	}}
}

func lost() event.Gap {
	h := header(event.OpGap)
	h.Type, h.PID, h.StartTicks = event.TypeProcess, 0, 0
	return event.Gap{Header: h, Origin: web("process"), Body: event.Loss{
		Lost: 12, Total: 40, Reason: "receive buffer overrun", SinceNs: 1795467599000000000,
	}}
}

func parse(t testing.TB, b []byte) event.View {
	t.Helper()
	v, err := event.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// samples are one event of each kind in its binary form.
func samples() map[string][]byte {
	start, exit, connect, query, end := process(event.OpStart), process(event.OpExit), connected(), queried(), closed()
	exit.Body = event.Detail{Code: 137, Signal: 9}
	rename, sample, gap := renamed(), sampled(), lost()
	traffic, credentials, integrity := through(), becameRoot(), hashed()
	return map[string][]byte{
		"start": start.Append(nil), "exit": exit.Append(nil), "connect": connect.Append(nil), "query": query.Append(nil),
		"close": end.Append(nil), "rename": rename.Append(nil), "sample": sample.Append(nil), "gap": gap.Append(nil),
		"traffic": traffic.Append(nil), "credentials": credentials.Append(nil), "integrity": integrity.Append(nil),
	}
}
