package ebpf_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/ebpf"
)

// What count.c takes, see there.
const (
	page  = 1
	quiet = 2
)

// TestAQuietRecordWakesNobody, until another one does, the ring is a quarter full, or the
// reader is stirred.
func TestAQuietRecordWakesNobody(t *testing.T) {
	p, r := load(t, 1<<16)
	run := func(argument uint64) {
		t.Helper()
		if err := p.RunWith("count", argument); err != nil {
			t.Fatal(err)
		}
	}
	next := uint64(1)
	for _, tt := range []struct {
		name string
		wake func()
		made uint64 // by wake
	}{
		{"a record that is not", func() { run(0) }, 1},
		{"a quarter of the ring", func() {
			for range 4 {
				run(quiet | page)
			}
		}, 4},
		{"being stirred", func() {
			for r.Waits() {
				r.Stir()
			}
		}, 0},
	} {
		r.Quiet()
		woken := make(chan error, 1)
		go func() { woken <- r.Wait(t.Context(), time.Now().Add(time.Hour)) }() // awaited below
		for deadline := time.Now().Add(patience); !r.Waits(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the reader does not wait")
			}
		}
		run(quiet)
		if !r.Waits() {
			t.Errorf("%s: a quiet record wakes the reader", tt.name)
		}
		tt.wake()
		select {
		case err := <-woken:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatalf("%s does not wake the reader", tt.name)
		}
		if err := r.Read(100, func(b []byte) {
			if got := binary.NativeEndian.Uint64(b); got != next {
				t.Errorf("%s: record %d came, want %d", tt.name, got, next)
			}
			next++
		}); err != nil {
			t.Fatal(err)
		}
	}
	if next != 3+5+1 {
		t.Errorf("%d records came", next-1)
	}
}

// TestQuietRecordsAreNoFlow: the reader takes them along, and then sleeps. Where no record is
// to rest, they are.
func TestQuietRecordsAreNoFlow(t *testing.T) {
	p, r := load(t, 1<<16)
	for _, tt := range []struct {
		argument uint64
		noRest   bool
		flows    bool
	}{{0, false, true}, {quiet, false, false}, {quiet, true, true}} {
		if tt.noRest {
			r.NoRest()
		}
		record(t, p, 1, false)
		await(t, r, 1)
		if !r.Flows() {
			t.Fatal("a record is no flow")
		}
		if err := p.RunWith("count", tt.argument); err != nil {
			t.Fatal(err)
		}
		await(t, r, 1)
		if r.Flows() != tt.flows {
			t.Errorf("%+v: flows %v", tt, r.Flows())
		}
	}
}

// TestWhatIsNotedIsLeftOut, as long as the settings are in force by which it was noted.
func TestWhatIsNotedIsLeftOut(t *testing.T) {
	p, r := load(t, 1<<16)
	c, err := p.Choice()
	if err != nil {
		t.Fatal(err)
	}
	user := func(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }
	left := uint64(0)
	acts := func(n uint32, wanted bool) {
		t.Helper()
		if err := p.RunWith("count", uint64(n)<<32); err != nil {
			t.Fatal(err)
		}
		made := 0
		if err := r.Read(10, func([]byte) { made++ }); err != nil {
			t.Fatal(err)
		}
		if !wanted {
			left++
		}
		got, err := c.Filtered()
		if err != nil {
			t.Fatal(err)
		}
		if (made == 1) != wanted || got != left {
			t.Errorf("user %d: %d records, %d left out; want it %v", n, made, got, wanted)
		}
	}
	refuse := func(number uint64, kind ebpf.Kind, key []byte) {
		t.Helper()
		if err := c.Refuse(number, kind, key); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(number uint64) {
		t.Helper()
		if err := c.Begin(number); err != nil {
			t.Fatal(err)
		}
	}
	begin(1)
	acts(7, true)
	refuse(1, ebpf.Users, user(7))
	refuse(1, ebpf.Groups, make([]byte, 8)) // the program has none
	acts(7, false)
	acts(8, true)
	begin(2)
	acts(7, true)
	refuse(1, ebpf.Users, user(7)) // by those before
	acts(7, true)
	refuse(2, ebpf.Users, user(8))
	acts(7, true)
	acts(8, false)
	for n := range uint32(5000) { // more than there is place for
		refuse(2, ebpf.Users, user(1000+n))
	}
	acts(5999, false)
	acts(6000, true)
}
