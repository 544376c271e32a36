package ebpf

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

//go:embed testdata/count.o
var countObject []byte

// TestTheRingIsResidentOnce, with a page of ours, one of the kernel's and the one of control.
func TestTheRingIsResidentOnce(t *testing.T) {
	const size = 1 << 20
	p, err := Load(countObject, Options{Ring: size})
	if err != nil {
		t.Skip(err)
	}
	defer p.Close()
	r, err := p.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	got := uint64(0)
	for line := range strings.Lines(string(maps)) {
		var begin, end uint64
		if _, err := fmt.Sscanf(line, "%x-%x", &begin, &end); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "bpf-map") {
			got += end - begin
		}
	}
	if want := uint64(size + 3*os.Getpagesize()); got != want {
		t.Errorf("%d bytes of the kernel are mapped, want %d", got, want)
	}
}

// made is a ring of 256 bytes in our own memory, of which so many were read before.
func made(read uintptr) *ring {
	r := &ring{consumer: make([]byte, 8), producer: make([]byte, 8), data: make([]byte, 256)}
	*position(r.consumer), *position(r.producer) = read, read
	return r
}

// write does what the kernel does, and reports whether there was room.
func (r *ring) write(record []byte, flags uint32) bool {
	size := uintptr(recordHead+len(record)+7) &^ 7
	at := *position(r.producer)
	if at+size-*position(r.consumer) > uintptr(len(r.data)) {
		return false
	}
	whole := binary.NativeEndian.AppendUint32(nil, uint32(len(record))|flags)
	for i, b := range append(append(whole, 0, 0, 0, 0), record...) {
		r.data[(at+uintptr(i))%uintptr(len(r.data))] = b
	}
	*position(r.producer) = at + size
	return true
}

// TestARingGivesEachRecordOnce, whole and in order, wherever it lies.
func TestARingGivesEachRecordOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, begin := range []uintptr{0, 8, 248, ^uintptr(0) - 999} { // the last one goes round all numbers
		r := made(begin)
		var want [][]byte
		rounds := 0
		for range 1000 {
			for {
				record := make([]byte, random.IntN(100))
				for i := range record {
					record[i] = byte(random.Uint32())
				}
				flags := uint32(0)
				if random.IntN(4) == 0 {
					flags = recordDrop
				}
				if !r.write(record, flags) {
					break
				}
				if flags == 0 {
					want = append(want, record)
				}
			}
			most := 1 + random.IntN(5)
			if err := r.read(most, func(got []byte) {
				if most--; !bytes.Equal(got, want[0]) {
					t.Fatalf("from %d: %x, want %x", begin, got, want[0])
				}
				want = want[1:]
			}); err != nil || most < 0 {
				t.Fatal(most, err)
			}
			if len(r.whole) > 0 {
				rounds, r.whole = rounds+1, r.whole[:0]
			}
		}
		if err := r.read(1000, func([]byte) { want = want[1:] }); err != nil || len(want) != 0 || r.available() != 0 {
			t.Errorf("%d records and %d bytes are left, %v", len(want), r.available(), err)
		}
		if rounds == 0 {
			t.Error("no record went round the end")
		}
	}
}

// TestARecordThatIsBeingWrittenIsWaitedFor, with those behind it.
func TestARecordThatIsBeingWrittenIsWaitedFor(t *testing.T) {
	r := made(0)
	r.write([]byte("a"), 0)
	r.write([]byte("b"), recordBusy)
	r.write([]byte("c"), 0)
	got := ""
	read := func() {
		t.Helper()
		if err := r.read(10, func(b []byte) { got += string(b) }); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if got != "a" || r.available() != 32 {
		t.Errorf("%q, and %d bytes are left", got, r.available())
	}
	binary.NativeEndian.PutUint32(r.data[16:], 1)
	read()
	if got != "abc" {
		t.Errorf("%q", got)
	}
}

func TestARingThatMakesNoSense(t *testing.T) {
	for name, damage := range map[string]func(*ring){
		"a record that is longer than what was written": func(r *ring) { binary.NativeEndian.PutUint32(r.data, 100) },
		"a length beyond all bounds":                    func(r *ring) { binary.NativeEndian.PutUint32(r.data, 1<<30-1) },
		"more written than there is place for":          func(r *ring) { *position(r.producer) = 512 },
	} {
		r := made(0)
		r.write([]byte("a"), 0)
		damage(r)
		if err := r.read(10, func(b []byte) { t.Errorf("%s: a record %q", name, b) }); !errors.Is(err, errRing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
