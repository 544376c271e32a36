package ebpf_test

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/ebpf"
)

//go:embed testdata/count.o
var countObject []byte

//go:embed testdata/refused.o
var refusedObject []byte

// patience is how long a test waits for what must come; only a test that fails takes
// that long.
const patience = 20 * time.Second

// load loads the program that makes one record a run, or skips.
func load(t testing.TB, ring int) (*ebpf.Programs, *ebpf.Reader) {
	t.Helper()
	p, err := ebpf.Load(countObject, ebpf.Options{Ring: ring})
	var refused *ebpf.Refusal
	if errors.As(err, &refused) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Reader()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); p.Close() })
	return p, r
}

// record has the program make n records of 8 bytes, or of a page.
func record(t testing.TB, p *ebpf.Programs, n int, page bool) {
	t.Helper()
	for range n {
		if err := p.Run("count", page); err != nil {
			t.Fatal(err)
		}
	}
}

// await reads until so many records have come, and returns their numbers.
func await(t testing.TB, r *ebpf.Reader, n int) (numbers []uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(numbers) < n {
		if err := r.Wait(ctx, time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(n-len(numbers), func(b []byte) { numbers = append(numbers, binary.NativeEndian.Uint64(b)) }); err != nil {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatalf("%d records came of %d", len(numbers), n)
		}
	}
	return numbers
}

func TestRecordsComeInOrder(t *testing.T) {
	p, r := load(t, 1<<16)
	next := uint64(1)
	for _, n := range []int{1, 1, 100, 3, 1000} {
		record(t, p, n, false)
		for _, got := range await(t, r, n) {
			if got != next {
				t.Fatalf("record %d came, want %d", got, next)
			}
			next++
		}
	}
	if now, total := r.Lost(); now != 0 || total != 0 {
		t.Errorf("%d of %d lost", now, total)
	}
}

// TestTheFirstRecordWakesTheReader has a reader wait without an end, a thousand times,
// while another thread makes a record at any moment of its way into the sleep.
func TestTheFirstRecordWakesTheReader(t *testing.T) {
	p, r := load(t, 1<<16)
	again := make(chan struct{})
	failed := make(chan error, 1)
	go func() { // ended by the close of again
		defer close(failed)
		for range again {
			if err := p.Run("count", false); err != nil {
				failed <- err
				return
			}
		}
	}()
	for range 1000 {
		r.Quiet()
		again <- struct{}{}
		await(t, r, 1)
	}
	close(again)
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

func TestAFullRingIsCounted(t *testing.T) {
	p, r := load(t, 1<<14) // three pages and their heads
	const made = 10
	record(t, p, made, true)
	now, total := r.Lost()
	kept := made - int(now)
	if now == 0 || now != total || kept < 2 {
		t.Fatalf("%d of %d lost", now, total)
	}
	numbers := await(t, r, kept)
	if first, last := numbers[0], numbers[kept-1]; first != 1 || last != uint64(kept) {
		t.Errorf("records %d to %d are left, want the first %d", first, last, kept)
	}
	record(t, p, 1, true)
	if got := await(t, r, 1); got[0] != made+1 {
		t.Errorf("record %d came behind the loss, want %d", got[0], made+1)
	}
	if again, _ := r.Lost(); again != 0 {
		t.Errorf("%d are counted twice", again)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	_, r := load(t, 1<<14)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Wait(ctx, time.Now().Add(time.Hour)) }() // awaited below
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it waits still")
	}
}

func TestReadyLeavesTheReaderAloneUntilResume(t *testing.T) {
	p, r := load(t, 1<<16)
	ready := r.Ready(t.Context())
	receive := func() {
		t.Helper()
		select {
		case err := <-ready:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatal("it is not ready")
		}
	}
	var got []uint64
	for len(got) < 3 {
		record(t, p, 1, false)
		receive()
		if err := r.Read(10, func(b []byte) { got = append(got, binary.NativeEndian.Uint64(b)) }); err != nil {
			t.Fatal(err)
		}
		r.Resume()
	}
	record(t, p, 1, false)
	receive() // and Close comes before Resume
}

func TestCloseEndsAReaderThatWaits(t *testing.T) {
	_, r := load(t, 1<<14)
	r.Ready(t.Context()) // Close, in the clean-up, waits for its goroutine
}

func TestTimesCountRuns(t *testing.T) {
	p, _ := load(t, 1<<14)
	stop, err := ebpf.MeasureTime()
	if err != nil {
		t.Skip(err)
	}
	defer stop()
	record(t, p, 5, false)
	times, err := p.Times()
	if err != nil {
		t.Fatal(err)
	}
	of, err := ebpf.TimesOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range times {
		if !slices.Contains(of, want) {
			t.Errorf("the times of this process are %+v, want %+v among them", of, want)
		}
	}
	if len(times) != 1 || times[0].Program != "count" || times[0].Runs < 5 || times[0].Spent <= 0 {
		t.Errorf("times are %+v, want some of 5 runs of count", times)
	}
}

func TestRefusals(t *testing.T) {
	load(t, 1<<14) // what is refused below is refused for its own reason
	empty := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir() // a procfs in which we have another pid
	if err := os.Symlink("4711", filepath.Join(other, "self")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		object []byte
		o      ebpf.Options
		reason ebpf.Reason
		want   string // in the text
	}{
		{"no BTF", countObject, ebpf.Options{BTF: "/nowhere/vmlinux"}, ebpf.ReasonBTF, "/nowhere/vmlinux"},
		{"BTF that cannot be read", countObject, ebpf.Options{BTF: empty}, ebpf.ReasonBTF, empty},
		{"the verifier", refusedObject, ebpf.Options{}, ebpf.ReasonVerifier, "invalid mem access"},
		{"another pid namespace", countObject, ebpf.Options{Root: other}, ebpf.ReasonNamespace, "4711"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Ring = 1 << 14
			_, err := ebpf.Load(tt.object, tt.o)
			var refused *ebpf.Refusal
			if !errors.As(err, &refused) || refused.Reason != tt.reason {
				t.Fatalf("error %v, want %v", err, tt.reason)
			}
			if text := refused.Error(); !strings.Contains(text, tt.want) || strings.Contains(text, "\n") {
				t.Errorf("its text is %q, want one line with %q", text, tt.want)
			}
		})
	}
	t.Run("no object", func(t *testing.T) {
		var refused *ebpf.Refusal
		if _, err := ebpf.Load([]byte("this is no object"), ebpf.Options{Ring: 1 << 14}); err == nil || errors.As(err, &refused) {
			t.Errorf("error %v, want one that is no refusal", err)
		}
	})
}
