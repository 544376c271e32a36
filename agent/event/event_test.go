package event_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

func copyOf[B event.Body](t testing.TB, b []byte) event.Event[B] {
	t.Helper()
	e, ok := event.Copy[B](parse(t, b))
	if !ok {
		t.Fatal("it has another body")
	}
	return e
}

func TestEventsComeBackAsTheyWereBuilt(t *testing.T) {
	start, connect, query, rename, sample, gap := process(event.OpStart), connected(), queried(), renamed(), sampled(), lost()
	start.Extra = []event.Pair{{Name: "a", Value: ""}, {Name: "b", Value: "1"}, {Name: "b", Value: "2"}}
	exit := process(event.OpExit)
	exit.Body = event.Detail{Code: 128 + 9, Signal: 9}
	for _, diff := range []string{
		cmp.Diff(start, copyOf[event.Detail](t, start.Append(nil))),
		cmp.Diff(exit, copyOf[event.Detail](t, exit.Append(nil))),
		cmp.Diff(connect, copyOf[event.Connection](t, connect.Append(nil))),
		cmp.Diff(query, copyOf[event.Connection](t, query.Append(nil))),
		cmp.Diff(rename, copyOf[event.File](t, rename.Append(nil))),
		cmp.Diff(sample, copyOf[event.Usage](t, sample.Append(nil))),
		cmp.Diff(gap, copyOf[event.Loss](t, gap.Append(nil))),
	} {
		if diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestBlocksMakeTheSameEvent holds the two ways of building against each other.
func TestBlocksMakeTheSameEvent(t *testing.T) {
	connect := connected()
	connect.Actor.CommandLine = strings.Repeat("x", event.MaxCommandLine+1) // cut, as the flags show
	connect.Origin.Host = strings.Repeat("x", event.MaxHost+1)
	got := event.Append(nil, &connect.Header, connect.Origin.Encode(), connect.Actor.Encode(), &connect.Body)
	if diff := cmp.Diff(connect.Append(nil), got); diff != "" {
		t.Errorf("(-whole +blocks):\n%s", diff)
	}
	if f := parse(t, got).Flags(); f != event.CommandLineTruncated|event.TextTruncated {
		t.Errorf("flags %v", slices.Collect(f.Names()))
	}
}

// TestAnActorMayLieAtTheEndOfItsMemory: the race detector checks that no pointer leaves
// it, because the garbage collector takes one behind the end for one to the neighbour.
func TestAnActorMayLieAtTheEndOfItsMemory(t *testing.T) {
	// Of many sizes some fill what the allocator gives for them, with neighbours.
	var all [][]event.Actor
	for n := range 32 {
		for range 16 {
			all = append(all, make([]event.Actor, n+1))
		}
	}
	h := event.Header{}
	for _, actors := range all {
		a := &actors[len(actors)-1]
		a.Name = "x"
		a.Ancestors[event.MaxAncestors-1] = event.Ancestor{PID: 1, Name: "init", Executable: "/sbin/init"}
		e := event.Process{Actor: *a}
		if got, want := event.Append(nil, &h, event.OriginBlock{}, a.Encode(), &event.Detail{}), e.Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
	}
}

func TestTheBodyDecidesWhichTableAnEventHas(t *testing.T) {
	h := header(event.OpStart)
	h.Type = event.TypePerformance
	network := parse(t, event.Append(nil, &h, event.OriginBlock{}, event.ActorBlock{}, &event.Connection{}))
	if network.Type() != event.TypeNetwork || network.Table() != event.TableNetwork {
		t.Errorf("a connection is of type %v and table %v", network.Type(), network.Table())
	}
	gap := parse(t, event.Append(nil, &h, event.OriginBlock{}, event.ActorBlock{}, &event.Loss{}))
	if gap.Type() != event.TypePerformance || gap.Operation() != event.OpGap || gap.Table() != event.TableGap {
		t.Errorf("a gap is of type %v, operation %v and table %v", gap.Type(), gap.Operation(), gap.Table())
	}
	if _, ok := event.Copy[event.Detail](gap); ok {
		t.Error("a gap is taken for a process event")
	}
}

func TestEventsLieOneBehindTheOther(t *testing.T) {
	p := process(event.OpStart)
	b := p.Append([]byte("before"))
	first := len(b)
	p.PID++
	b = p.Append(b)
	if got := parse(t, b[len("before"):]); got.PID() != 4711 || len(got) != first-len("before") {
		t.Errorf("first event: pid %d, %d bytes", got.PID(), len(got))
	}
	if got := parse(t, b[first:]); got.PID() != 4712 {
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
	field := event.MustField(event.TableProcess, "process.args")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := process(event.OpStart)
			in.CommandLine = tt.in
			v := parse(t, in.Append(nil))
			if got := string(v.Text(commandLine)); got != tt.line {
				t.Errorf("command line %q, want %q", got, tt.line)
			}
			var args []string
			for i := range v.Len(field) {
				args = append(args, string(v.Item(field, i)))
			}
			if diff := cmp.Diff(tt.args, args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if v.Item(field, len(args)) != nil || v.Item(field, -1) != nil {
				t.Error("there is an argument where there is none")
			}
			if got := v.Partial(commandLine); got != tt.truncated || got != v.Flags().Has(event.CommandLineTruncated) {
				t.Errorf("truncated %v, want %v", got, tt.truncated)
			}
		})
	}
}

// TestAncestorsBeginWithTheParent, so that a rule about them needs no second one
// about the parent.
func TestAncestorsBeginWithTheParent(t *testing.T) {
	in := process(event.OpStart)
	in.Ancestors[1].Name = "" // not known
	v := parse(t, in.Append(nil))
	names, programs, pids := event.MustField(v.Table(), "process.ancestors.name"),
		event.MustField(v.Table(), "process.ancestors.executable"), event.MustField(v.Table(), "process.ancestors.pid")
	var got []string
	for i := range v.Len(names) {
		got = append(got, string(v.Item(names, i)))
	}
	if diff := cmp.Diff([]string{"sh", "php-fpm", "", "systemd"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if n := v.Len(pids); n != 4 {
		t.Errorf("%d pids, want 4", n)
	}
	if pid, ok := v.ItemUint(pids, 3); pid != 1 || !ok {
		t.Errorf("the last one is pid %d", pid)
	}
	if p := string(v.Item(programs, 0)); p != in.ParentExecutable {
		t.Errorf("the first program is %q, want the parent's", p)
	}
}

// TestALongPathOfAnAncestorKeepsItsEnd, because rules look at the end of paths.
func TestALongPathOfAnAncestorKeepsItsEnd(t *testing.T) {
	in := process(event.OpStart)
	in.Ancestors[0].Executable = strings.Repeat("/deep", 100) + "é/evil"
	v := parse(t, in.Append(nil))
	programs := event.MustField(v.Table(), "process.ancestors.executable")
	got := string(v.Item(programs, 1))
	if len(got) != event.MaxAncestorPath || !strings.HasSuffix(in.Ancestors[0].Executable, got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if !v.Flags().Has(event.TextTruncated) {
		t.Error("no flag says that it was cut")
	}
}

func TestTextIsBounded(t *testing.T) {
	huge := strings.Repeat("é", 1<<16)
	in := process(event.OpStart)
	in.Origin = event.Origin{Host: huge, HostID: huge, Collector: huge}
	in.Actor = event.Actor{
		Name: huge, Executable: huge, CommandLine: huge, Directory: huge, User: huge, LoginUser: huge, Container: huge, Unit: huge,
		ParentName: huge, ParentExecutable: huge, ParentCommandLine: huge,
	}
	v := parse(t, in.Append(nil))
	for name, most := range map[string]int{
		"host.name": event.MaxHost, "host.id": event.MaxID, "event.provider": event.MaxName, "process.name": event.MaxName,
		"process.executable": event.MaxPath, "process.command_line": event.MaxCommandLine, "process.working_directory": event.MaxPath,
		"process.parent.name": event.MaxName, "process.parent.executable": event.MaxPath,
		"process.parent.command_line": event.MaxCommandLine, "user.name": event.MaxName, "user.audit.name": event.MaxName,
		"container.id": event.MaxID, "systemd.unit": event.MaxUnit,
	} {
		got := v.Text(event.MustField(v.Table(), name))
		if n := len(got); n > most || n < most-1 || !strings.HasPrefix(huge, string(got)) {
			t.Errorf("%s has %d bytes, want %d or one less, and whole characters", name, n, most)
		}
	}
	if want := event.CommandLineTruncated | event.TextTruncated; !v.Flags().Has(want) {
		t.Errorf("flags are %v", slices.Collect(v.Flags().Names()))
	}
}

func TestAFieldWhoseFlagSaysUnreadIsAbsent(t *testing.T) {
	in := process(event.OpStart)
	in.Flags = event.ExecutableUnread | event.UserUnread | event.ImageInherited
	v := parse(t, in.Append(nil))
	uid := event.MustField(v.Table(), "user.id")
	if got := v.Text(executable); got != nil {
		t.Errorf("the executable is %q", got)
	}
	if n, ok := v.Uint(uid); ok {
		t.Errorf("the user is %d", n)
	}
	if !v.Unread(executable) || !v.Unread(uid) || v.Unread(commandLine) {
		t.Error("Unread does not follow the flags")
	}
	if got := string(v.Text(executable.Inherited())); got != in.Executable {
		t.Errorf("inherited is %q, want %q", got, in.Executable)
	}
	if n, ok := v.Uint(uid.Inherited()); !ok || n != 0 {
		t.Errorf("the inherited user is %d, %v", n, ok)
	}
	if !strings.Contains(string(ecs.Append(nil, v)), `"executable":"/usr/bin/curl"`) {
		t.Error("JSON does not show what was inherited")
	}
	in.Flags = event.ExecutableUnread
	v = parse(t, in.Append(nil))
	if v.Text(executable.Inherited()) != nil || strings.Contains(string(ecs.Append(nil, v)), "/usr/bin/curl\"") {
		t.Error("what was not inherited is shown")
	}
}

// TestFieldsOfAnotherTableAreAbsent: a rule that meets an event of another type
// reads nothing, whatever lies in the place.
func TestFieldsOfAnotherTableAreAbsent(t *testing.T) {
	for name, b := range samples() {
		v := parse(t, b)
		for other := event.TableProcess; other <= event.TableGap; other++ {
			for _, f := range other.Fields() {
				if !f.Own() || other == v.Table() {
					continue
				}
				n, ok := v.Uint(f)
				if v.Text(f) != nil || ok || v.Len(f) != 0 {
					t.Errorf("%s has %s of table %v: %q %d", name, f.Name(), other, v.Text(f), n)
				}
			}
		}
	}
}

func TestTheZeroFieldIsAbsent(t *testing.T) {
	v := parse(t, samples()["start"])
	var none event.Field
	_, number := v.Uint(none)
	if !none.IsZero() || v.Text(none) != nil || number || v.Len(none) != 0 || v.Item(none, 0) != nil || v.Unread(none) || v.Partial(none) {
		t.Error("there is something in no field")
	}
	for range v.Pairs(none) {
		t.Error("there are pairs in no field")
	}
}

func TestLabels(t *testing.T) {
	v := parse(t, samples()["start"])
	for name, want := range map[string]string{"labels.env": "prod", "labels.team": "shop", "labels.none": ""} {
		f, ok := event.FieldByName(v.Table(), name)
		if got := v.Text(f); !ok || string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, ok := event.FieldByName(v.Table(), "labels."); ok {
		t.Error("a label without a name was found")
	}
	got := map[string]string{}
	for name, value := range v.Pairs(event.MustField(v.Table(), "labels")) {
		got[string(name)] = string(value)
	}
	if diff := cmp.Diff(map[string]string{"env": "prod", "team": "shop"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAProcessWhoseStartIsNotKnownHasNoKey, because another one would have the
// same.
func TestAProcessWhoseStartIsNotKnownHasNoKey(t *testing.T) {
	in := process(event.OpStart)
	doc := func() string { return string(ecs.Append(nil, parse(t, in.Append(nil)))) }
	if n := strings.Count(doc(), `"entity_id"`); n != 2 {
		t.Errorf("%d keys, want that of the process and of its parent", n)
	}
	in.StartTicks, in.ParentStartTicks = 0, 0
	if strings.Contains(doc(), `"entity_id"`) {
		t.Error("there is a key in " + doc())
	}
}

func TestBorrowedTextCannotGrowIntoItsNeighbour(t *testing.T) {
	in := process(event.OpStart)
	v := parse(t, in.Append(nil))
	before := slices.Clone(v)
	for _, f := range v.Table().Fields() {
		_ = append(v.Text(f), "XXXX"...)
		for i := range v.Len(f) {
			_ = append(v.Item(f, i), "XXXX"...)
		}
	}
	if !slices.Equal(v, before) {
		t.Error("an append to a field changed the event")
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
	in := process(event.OpStart)
	in.Flags = f
	v := parse(t, in.Append(nil))
	field := event.MustField(v.Table(), "daemoneye.context")
	var got []string
	for i := range v.Len(field) {
		got = append(got, string(v.Item(field, i)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("field (-want +got):\n%s", diff)
	}
}

func TestNamesOfTypesAndOperations(t *testing.T) {
	got := []string{
		event.TypeProcess.String(), event.TypeNetwork.String(), event.TypeFilesystem.String(),
		event.TypePerformance.String(), event.Type(0).String(), event.Type(255).String(),
		event.OpSnapshot.String(), event.OpSample.String(), event.Operation(0).String(), event.Operation(255).String(),
		event.TableGap.String(), event.Table(0).String(), event.Table(255).String(), event.Kind(0).String(),
	}
	want := []string{
		"process", "network", "filesystem", "performance", "unknown", "unknown",
		"snapshot", "sample", "unknown", "unknown", "gap", "unknown", "unknown", "unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAnOperationHasNoRoomForTheFieldsOfOthers at the end of its body, and a draft of a
// foreign event cannot set them.
func TestAnOperationHasNoRoomForTheFieldsOfOthers(t *testing.T) {
	net, end := connected(), closed()
	traffic := through()
	net.Body.Traffic, end.Body.Traffic = traffic.Body.Traffic, traffic.Body.Traffic
	plainNet, plainEnd := connected(), closed()
	if !bytes.Equal(net.Append(nil), plainNet.Append(nil)) || !bytes.Equal(end.Append(nil), plainEnd.Append(nil)) {
		t.Error("a connection has the traffic of an interface")
	}
	start := process(event.OpStart)
	start.Body.SetHash("x")
	if plain := process(event.OpStart); !bytes.Equal(start.Append(nil), plain.Append(nil)) {
		t.Error("a start has what belongs to an integrity event")
	}
	d := event.NewDraft(event.Header{Type: event.TypeNetwork, Operation: event.OpClose}, event.Origin{})
	d.Set("system.network.in.bytes", "7")
	d.Set("source.port", "9")
	v := parse(t, d.Append(nil))
	if n, ok := v.Uint(event.MustField(event.TableNetwork, "system.network.in.bytes")); ok {
		t.Errorf("a connection received %d bytes on an interface", n)
	}
	if n, _ := v.Uint(event.MustField(event.TableNetwork, "source.port")); n != 9 {
		t.Errorf("port %d", n)
	}
}
