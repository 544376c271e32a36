package ebpf

import (
	"errors"

	"github.com/cilium/ebpf"
)

// Look returns the value that a map of the programs has for a key, nil for none.
func (p *Programs) Look(name string, key uint32) []byte {
	value, _ := p.collection.Maps[name].LookupBytes(key) // an error is none as well
	return value
}

// Each gives each value of a map of the programs to a function, as far as they are there
// all the time. The value is valid until the function returns.
func (p *Programs) Each(name string, do func(value []byte)) error {
	all := p.collection.Maps[name].Iterate()
	var key uint32
	var value []byte
	for all.Next(&key, &value) {
		do(value)
	}
	if err := all.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return err
	}
	return nil
}

// Forget removes a key from a map of the programs, if it is there.
func (p *Programs) Forget(name string, key uint32) {
	_ = p.collection.Maps[name].Delete(key) // an error is that it is not there
}

// Put sets the only value of a map of the programs.
func (p *Programs) Put(name string, value any) error {
	return p.collection.Maps[name].Put(uint32(0), value)
}
