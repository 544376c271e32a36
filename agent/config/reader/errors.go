package reader

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// What can be wrong. Each is the Reason of an *Error.
var (
	ErrFile      = errors.New("file cannot be read")
	ErrTooLarge  = errors.New("file is too large")
	ErrSyntax    = errors.New("not YAML")
	ErrUnknown   = errors.New("unknown key")
	ErrDuplicate = errors.New("duplicate key")
	ErrValue     = errors.New("bad value")
	ErrConflict  = errors.New("conflict of two values")
)

// Error is one mistake, and the place of it.
type Error struct {
	Origin
	// Key is the name as it was written, with its section; empty where the mistake
	// is not about a key.
	Key string
	// Near is the valid key that is most like Key, where that is unknown; empty when
	// none is much like it.
	Near string
	// Reason is one of the errors above.
	Reason error

	detail string // what follows the subject in the text
}

// Error implements error. The text begins with the file, the variable or the flag.
func (e *Error) Error() string {
	subject := e.Key
	if e.Layer == LayerEnvironment || e.Layer == LayerFlag {
		subject = e.Name
	}
	if e.Layer == LayerFile {
		subject = strings.TrimSuffix(e.place()+": "+e.Key, ": ")
	}
	text := subject + e.detail
	if e.Near != "" {
		text += "; do you mean " + e.Near + "?"
	}
	return clean(text)
}

// clean replaces what a terminal would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Reason }

// maxErrors is how many mistakes are listed; the others are counted.
const maxErrors = 20

// Errors are all mistakes of one configuration, in the order of its sources.
type Errors struct {
	List []*Error
	More int // that are not in the list
}

// Error implements error: one line for each mistake.
func (e *Errors) Error() string {
	lines := make([]string, 0, len(e.List)+1)
	for _, x := range e.List {
		lines = append(lines, x.Error())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes.
func (e *Errors) Unwrap() []error {
	all := make([]error, len(e.List))
	for i, x := range e.List {
		all[i] = x
	}
	return all
}

// maxShown is how much of a text from outside an error repeats.
const maxShown = 80

func (e *Errors) add(x *Error) {
	x.Key = shorten(x.Key)
	if len(e.List) == maxErrors {
		e.More++
		return
	}
	e.List = append(e.List, x)
}

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}

// err returns nil when nothing is wrong.
func (e *Errors) err() error {
	if len(e.List) == 0 {
		return nil
	}
	return e
}
