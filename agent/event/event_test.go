package event_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
)

// sleep is a realistic start event with every field.
func sleep() event.Process {
	return event.Process{
		Header: event.Header{
			Type:       event.TypeProcess,
			Operation:  event.OpStart,
			PID:        4711,
			StartTicks: 230918,
			Sequence:   7,
			MonoNs:     2309180000000,
			WallNs:     1795467600123456789,
			BootID:     [16]byte{0, 1, 2, 3},
			Host:       "web-1",
			Collector:  "process",
		},
		PPID:              4242,
		ParentStartTicks:  230001,
		UID:               1000,
		GID:               1000,
		Name:              "sleep",
		Executable:        "/usr/bin/sleep",
		CommandLine:       "sleep\x001\x00",
		Directory:         "/home/ann",
		ParentName:        "bash",
		ParentExecutable:  "/usr/bin/bash",
		ParentCommandLine: "bash -l",
	}
}

func parseProcess(t testing.TB, b []byte) event.ProcessView {
	t.Helper()
	v, err := event.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := v.Process()
	if !ok {
		t.Fatalf("not a process event: %v %v", v.Type(), v.Operation())
	}
	return p
}

func TestProcessComesBackAsItWasBuilt(t *testing.T) {
	want := sleep()
	got := parseProcess(t, event.AppendProcess(nil, &want)).Copy()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGapComesBackAsItWasBuilt(t *testing.T) {
	want := event.Gap{Header: sleep().Header, Lost: 12, Total: 40, Reason: "receive buffer overrun"}
	want.Operation = event.OpGap
	v, err := event.Parse(event.AppendGap(nil, &want))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := v.Process(); ok {
		t.Error("a gap is taken for a process event")
	}
	g, ok := v.Gap()
	if !ok {
		t.Fatal("not a gap event")
	}
	if diff := cmp.Diff(want, g.Copy()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventsLieOneBehindTheOther(t *testing.T) {
	p := sleep()
	b := event.AppendProcess([]byte("before"), &p)
	first := len(b)
	p.PID++
	b = event.AppendProcess(b, &p)
	if got := parseProcess(t, b[len("before"):]); got.PID() != 4711 || len(got.View) != first-len("before") {
		t.Errorf("first event: pid %d, %d bytes", got.PID(), len(got.View))
	}
	if got := parseProcess(t, b[first:]); got.PID() != 4712 {
		t.Errorf("second event: pid %d", got.PID())
	}
}

func TestCommandLines(t *testing.T) {
	long := strings.Repeat("x", event.MaxCommandLine)
	tests := []struct {
		name      string
		in        string
		line      string
		args      []string
		truncated bool
	}{
		{"none", "", "", nil, false},
		{"nothing but padding", "\x00\x00", "", nil, false},
		{"one argument", "sh\x00", "sh", []string{"sh"}, false},
		{"no NUL behind the last", "sh\x00-c", "sh -c", []string{"sh", "-c"}, false},
		{"an empty argument in the middle", "sh\x00\x00b\x00", "sh  b", []string{"sh", "", "b"}, false},
		{"an empty first argument", "\x00b\x00", " b", []string{"", "b"}, false},
		{"spaces inside of an argument", "sh\x00-c\x00a b\x00", "sh -c a b", []string{"sh", "-c", "a b"}, false},
		{"a title padded with NULs", "nginx: worker process\x00\x00\x00\x00", "nginx: worker process", []string{"nginx: worker process"}, false},
		{"just within the bound", long + "\x00", long, []string{long}, false},
		{"a byte too long", long + "y\x00", long, []string{long}, true},
		{"cut before a character of two bytes", long[1:] + "é\x00", long[1:], []string{long[1:]}, true},
		{"cut before a character of four bytes", long[3:] + "𝄞\x00", long[3:], []string{long[3:]}, true},
		{"not UTF-8, cut at the bound", strings.Repeat("\xbf", event.MaxCommandLine+9), strings.Repeat("\xbf", event.MaxCommandLine), []string{strings.Repeat("\xbf", event.MaxCommandLine)}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := sleep()
			in.CommandLine = tt.in
			p := parseProcess(t, event.AppendProcess(nil, &in))
			if got := string(p.CommandLine()); got != tt.line {
				t.Errorf("command line %q, want %q", got, tt.line)
			}
			var args []string
			for arg := range p.Args() {
				args = append(args, string(arg))
			}
			if diff := cmp.Diff(tt.args, args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if p.NumArgs() != len(args) {
				t.Errorf("NumArgs %d, Args yields %d", p.NumArgs(), len(args))
			}
			if got := p.Flags().Has(event.CommandLineTruncated); got != tt.truncated {
				t.Errorf("truncated %v, want %v", got, tt.truncated)
			}
		})
	}
}

func TestTextIsBounded(t *testing.T) {
	huge := strings.Repeat("é", 1<<16)
	in := sleep()
	in.Host, in.Collector, in.Name, in.Executable, in.CommandLine, in.Directory = huge, huge, huge, huge, huge, huge
	in.ParentName, in.ParentExecutable, in.ParentCommandLine = huge, huge, huge
	p := parseProcess(t, event.AppendProcess(nil, &in))
	for _, field := range []struct {
		name string
		got  []byte
		max  int
	}{
		{"host", p.Host(), event.MaxHost},
		{"collector", p.Collector(), event.MaxName},
		{"name", p.Name(), event.MaxName},
		{"executable", p.Executable(), event.MaxPath},
		{"command line", p.CommandLine(), event.MaxCommandLine},
		{"directory", p.Directory(), event.MaxPath},
		{"parent name", p.ParentName(), event.MaxName},
		{"parent executable", p.ParentExecutable(), event.MaxPath},
		{"parent command line", p.ParentCommandLine(), event.MaxCommandLine},
	} {
		if n := len(field.got); n > field.max || n < field.max-1 || !strings.HasPrefix(huge, string(field.got)) {
			t.Errorf("%s has %d bytes, want %d or one less, and whole characters", field.name, n, field.max)
		}
	}
}

func TestTheLargestEventIsWithinItsBound(t *testing.T) {
	huge := strings.Repeat("x", 1<<16)
	in := sleep()
	in.Host, in.Collector, in.Name, in.Executable, in.Directory = huge, huge, huge, huge, huge
	in.CommandLine = strings.Repeat("\x00", event.MaxCommandLine-1) + "x" // nothing but empty arguments
	in.ParentName, in.ParentExecutable, in.ParentCommandLine = huge, huge, huge
	if n := len(event.AppendProcess(nil, &in)); n > event.MaxSize || n < event.MaxSize-16 {
		t.Errorf("%d bytes, the bound is %d", n, event.MaxSize)
	}
	g := event.Gap{Header: in.Header, Reason: huge}
	if n := len(event.AppendGap(nil, &g)); n > event.MaxSize {
		t.Errorf("a gap has %d bytes, the bound is %d", n, event.MaxSize)
	}
}

// TestAProcessWhoseStartIsNotKnownHasNoKey, for another one would have the same.
func TestAProcessWhoseStartIsNotKnownHasNoKey(t *testing.T) {
	in := sleep()
	json := func() string {
		return string(event.AppendJSON(nil, parseProcess(t, event.AppendProcess(nil, &in)).View))
	}
	if n := strings.Count(json(), `"entity_id"`); n != 2 {
		t.Errorf("%d keys, want that of the process and of its parent", n)
	}
	in.StartTicks, in.ParentStartTicks = 0, 0
	if strings.Contains(json(), `"entity_id"`) {
		t.Error("there is a key in " + json())
	}
}

func TestBorrowedTextCannotGrowIntoItsNeighbour(t *testing.T) {
	in := sleep()
	p := parseProcess(t, event.AppendProcess(nil, &in))
	_ = append(p.Name(), "XXXX"...)
	if got := string(p.Executable()); got != in.Executable {
		t.Errorf("executable is %q after an append to the name", got)
	}
}

func TestFlagNames(t *testing.T) {
	f := event.NameUnread | event.ImageInherited | event.KernelThread | 1<<63
	want := []string{"name_unread", "image_inherited", "kernel_thread"}
	if diff := cmp.Diff(want, slices.Collect(f.Names())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f.Has(event.NameUnread | event.UserUnread) {
		t.Error("Has is true although one of two is missing")
	}
}

func TestNamesOfTypesAndOperations(t *testing.T) {
	got := []string{
		event.TypeProcess.String(), event.TypeNetwork.String(), event.TypeFilesystem.String(),
		event.TypePerformance.String(), event.Type(0).String(), event.Type(255).String(),
		event.OpSnapshot.String(), event.OpStart.String(), event.OpExit.String(), event.OpFork.String(),
		event.OpGap.String(), event.Operation(0).String(),
	}
	want := []string{
		"process", "network", "filesystem", "performance", "unknown", "unknown",
		"snapshot", "start", "exit", "fork", "gap", "unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
