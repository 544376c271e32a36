package reader

import "fmt"

// Layer is a kind of source. A later one takes precedence over those before it.
type Layer uint8

// The layers.
const (
	LayerDefault Layer = iota
	LayerFile
	LayerEnvironment
	LayerFlag
)

// Origin is where a value comes from.
type Origin struct {
	Layer Layer
	// File, Line and Column are the place in a file, both from 1 on; 0 where it is
	// not known.
	File         string
	Line, Column int
	// Name is that of the variable, or of the flag as a user types it.
	Name string
}

// String returns default, FILE:LINE, the name of a variable, or a flag.
func (o Origin) String() string {
	switch o.Layer {
	case LayerFile:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case LayerEnvironment, LayerFlag:
		return o.Name
	}
	return "default"
}

// place is FILE:LINE:COLUMN as far as that is known.
func (o Origin) place() string {
	switch {
	case o.Line == 0:
		return o.File
	case o.Column == 0:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
}

// NameIn is the key's name as the source o spells it.
func (k *Key) NameIn(o Origin) string {
	switch {
	case o.Layer == LayerFlag && k.Flag != "":
		return "--" + k.Flag
	case o.Layer == LayerEnvironment:
		return k.Env
	}
	return k.Name
}
