package ebpf

import (
	"errors"
	"sync"

	"github.com/cilium/ebpf"
)

// Kind is what events are left out by.
type Kind uint64

// The kinds, which are those of c/choice.h.
const (
	Users       Kind = 2 // by the effective user, a u32
	Groups      Kind = 4 // by the id of the control group, a u64
	Executables Kind = 8 // by the path of the executable, as a record has it

	ever = 1
)

// noteMaps hold what is not wanted.
var noteMaps = map[Kind]string{Users: "no_users", Groups: "no_groups", Executables: "no_programs"}

const (
	choiceMap   = "choice"
	filteredMap = "filtered"
)

// Choice is what programs that include c/choice.h leave out themselves. At first that is
// nothing.
//
// Safe for concurrent use, until the programs are closed.
type Choice struct {
	p *Programs

	mu    sync.Mutex
	state choice          // guarded by mu
	noted map[note]uint64 // guarded by mu; the numbers of the settings by which notes were made
}

// choice is struct choice of c/choice.h.
type choice struct{ Number, Kinds uint64 }

// note is a value that is not wanted.
type note struct {
	kind Kind
	key  string
}

// maxNoted bounds what Choice remembers of its notes. The kernel's maps forget by themselves
// what was not used for long.
const maxNoted = 4096

// ErrNoChoice is that of programs that do not include c/choice.h.
var ErrNoChoice = errors.New("ebpf: the programs leave nothing out")

// Choice returns what the programs leave out. It is called once.
func (p *Programs) Choice() (*Choice, error) {
	if p.collection.Maps[choiceMap] == nil || p.collection.Maps[filteredMap] == nil {
		return nil, ErrNoChoice
	}
	return &Choice{p: p, noted: make(map[note]uint64)}, nil
}

// Begin puts other settings in force, which have that number: all notes before it count no
// more. After an error the ones before are in force.
func (c *Choice) Begin(number uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := choice{number, c.state.Kinds & ever}
	if next.Kinds != 0 { // else the programs look at nothing
		if err := c.put(next); err != nil {
			return err
		}
	}
	c.state = next
	clear(c.noted)
	return nil
}

// Refuse notes that the settings with this number do not want a value. It does nothing when
// others are in force, and where the programs have no place for the kind or for a key of
// that length.
func (c *Choice) Refuse(number uint64, kind Kind, key []byte) error {
	notes := c.p.collection.Maps[noteMaps[kind]]
	if notes == nil || len(key) > int(notes.KeySize()) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := note{kind, string(key)}
	if number != c.state.Number || c.noted[n] == number {
		return nil
	}
	whole := make([]byte, notes.KeySize())
	copy(whole, key)
	if err := notes.Update(whole, number, ebpf.UpdateAny); err != nil {
		return err
	}
	if next := (choice{number, c.state.Kinds | ever | uint64(kind)}); next != c.state {
		if err := c.put(next); err != nil {
			return err
		}
		c.state = next
	}
	if len(c.noted) >= maxNoted {
		clear(c.noted)
	}
	c.noted[n] = number
	return nil
}

// put has the programs see a choice.
func (c *Choice) put(next choice) error {
	return c.p.collection.Maps[choiceMap].Update(uint32(0), next, ebpf.UpdateAny)
}

// Filtered returns how many events the programs have left out.
func (c *Choice) Filtered() (total uint64, err error) {
	var each []uint64
	if err := c.p.collection.Maps[filteredMap].Lookup(uint32(0), &each); err != nil {
		return 0, err
	}
	for _, n := range each {
		total += n
	}
	return total, nil
}
