// Package hostid gives a host an id that stays the same whatever its name, for all
// events and alerts.
//
// The id is derived from the machine id that the system was given when it was
// installed. The machine id itself is confidential, see machine-id(5), so that it is
// only the key of a hash: the id does not reveal it, and other programs derive other ids.
// Where there is no machine id, as in many containers, a random id is stored.
//
// A clone of a disk has the machine id of its original, and so its host id.
package hostid

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// application is what the machine id is hashed with. It must never change.
const application = "daemoneye host id 1"

// Source is where an id comes from.
type Source struct {
	// Machine are files that may hold the machine id; nil is /etc/machine-id and
	// /var/lib/dbus/machine-id.
	Machine []string
	// Stored is the file that keeps a random id where no machine id is; empty is
	// DefaultStored.
	Stored string
}

// ErrNotStored is returned with a random id that could not be kept: the next run of the
// program gets another one.
var ErrNotStored = errors.New("the host id is random and cannot be stored")

// DefaultStored returns where a random id is kept: /var/lib/daemoneye/host-id for root,
// and for others daemoneye/host-id in $XDG_STATE_HOME or ~/.local/state.
func DefaultStored() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/daemoneye/host-id", nil
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "daemoneye", "host-id"), nil
}

// ID returns the id, in the form of a UUID. With ErrNotStored it is right for this run
// of the program.
func (s Source) ID() (string, error) {
	if s.Machine == nil {
		s.Machine = []string{"/etc/machine-id", "/var/lib/dbus/machine-id"}
	}
	for _, path := range s.Machine {
		if machine, err := read(path); err == nil {
			h := hmac.New(sha256.New, machine[:])
			h.Write([]byte(application))
			return format([16]byte(h.Sum(nil))), nil
		}
	}
	if s.Stored == "" {
		path, err := DefaultStored()
		if err != nil {
			return format(random()), fmt.Errorf("%w: %w", ErrNotStored, err)
		}
		s.Stored = path
	}
	id, err := read(s.Stored)
	if errors.Is(err, fs.ErrNotExist) {
		id, err = store(s.Stored)
	}
	if err != nil {
		return format(random()), fmt.Errorf("%w: %w", ErrNotStored, err)
	}
	return format(id), nil
}

var errNoID = errors.New("want 32 hexadecimal digits")

// read reads an id of 32 digits, with or without dashes.
func read(path string) (id [16]byte, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return id, err
	}
	b = bytes.ReplaceAll(bytes.TrimSpace(b), []byte("-"), nil)
	if len(b) != hex.EncodedLen(len(id)) {
		return id, fmt.Errorf("%s: %w", path, errNoID)
	}
	if _, err := hex.Decode(id[:], b); err != nil || id == [16]byte{} {
		return id, fmt.Errorf("%s: %w", path, errNoID)
	}
	return id, nil
}

// store keeps a new id in path. Of two programs that do so at the same time both get
// the same id.
func store(path string) (id [16]byte, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return id, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".host-id-*")
	if err != nil {
		return id, err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintln(f, format(random()))
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // fails where another was first
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return id, err
	}
	return read(path)
}

func random() (id [16]byte) {
	_, _ = rand.Read(id[:]) // it does not fail
	return id
}

// format writes an id as a UUID of version 4, as systemd does with derived ids.
func format(id [16]byte) string {
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
