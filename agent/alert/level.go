package alert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Level is how serious an alert is. A larger one is worse.
type Level uint8

// The levels, as Sigma has them.
const (
	Informational Level = iota + 1
	Low
	Medium
	High
	Critical
)

// Status is where an alert is in its life.
type Status uint8

// The statuses.
const (
	Open Status = iota + 1
	Acknowledged
	Closed
)

// ErrWord is returned for a word that is not one of those that may stand there.
var ErrWord = errors.New("unknown word")

var (
	levels   = words{"level", []string{"informational", "low", "medium", "high", "critical"}}
	statuses = words{"status", []string{"open", "acknowledged", "closed"}}
)

// words are the names of values that count from 1.
type words struct {
	what  string
	names []string
}

func (w *words) name(n uint8) string {
	if n == 0 || int(n) > len(w.names) {
		return fmt.Sprintf("%s(%d)", w.what, n)
	}
	return w.names[n-1]
}

func (w *words) marshal(n uint8) ([]byte, error) {
	if n == 0 || int(n) > len(w.names) {
		return nil, fmt.Errorf("alert: %w: %s", ErrWord, w.name(n))
	}
	return []byte(w.names[n-1]), nil
}

func (w *words) parse(text string) (uint8, error) {
	i := slices.Index(w.names, text)
	if i < 0 {
		return 0, fmt.Errorf("alert: %s: %w %.40q, want %s", w.what, ErrWord, text, strings.Join(w.names, ", "))
	}
	return uint8(i + 1), nil
}

// Levels returns the names of the levels, the mildest first.
func Levels() []string { return slices.Clone(levels.names) }

// Statuses returns the names of the statuses.
func Statuses() []string { return slices.Clone(statuses.names) }

// ParseLevel reads the name of a level.
func ParseLevel(text string) (Level, error) {
	n, err := levels.parse(text)
	return Level(n), err
}

// ParseStatus reads the name of a status.
func ParseStatus(text string) (Status, error) {
	n, err := statuses.parse(text)
	return Status(n), err
}

func (l Level) String() string { return levels.name(uint8(l)) }

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return levels.marshal(uint8(l)) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLevel(string(b))
	return err
}

func (s Status) String() string { return statuses.name(uint8(s)) }

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return statuses.marshal(uint8(s)) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Status) UnmarshalText(b []byte) (err error) {
	*s, err = ParseStatus(string(b))
	return err
}
