package config

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sync"

	"github.com/daemoneye/eventbus/agent/config/reader"
)

// What configurations are read with; see package reader.
type (
	// Sources are where a configuration comes from, in rising precedence.
	Sources = reader.Sources
	// Setting is one value of the command line.
	Setting = reader.Setting
	// Origin is where a value comes from.
	Origin = reader.Origin
	// Layer is a kind of source.
	Layer = reader.Layer
	// Key is one value that can be chosen.
	Key = reader.Key
	// Size is a number of bytes.
	Size = reader.Size
	// Change is one key whose value differs between two configurations.
	Change = reader.Change
	// Error is one mistake, and the place of it.
	Error = reader.Error
	// Errors are all mistakes of one configuration, in the order of its sources.
	Errors = reader.Errors
)

// The layers.
const (
	LayerDefault     = reader.LayerDefault
	LayerFile        = reader.LayerFile
	LayerEnvironment = reader.LayerEnvironment
	LayerFlag        = reader.LayerFlag
)

// What can be wrong. Each is the Reason of an *Error.
var (
	ErrFile      = reader.ErrFile
	ErrTooLarge  = reader.ErrTooLarge
	ErrSyntax    = reader.ErrSyntax
	ErrUnknown   = reader.ErrUnknown
	ErrDuplicate = reader.ErrDuplicate
	ErrValue     = reader.ErrValue
	ErrConflict  = reader.ErrConflict
)

// FileVariable names the configuration file where no flag does.
const FileVariable = reader.FileVariable

// ParseSize reads a whole number of bytes, or a number with a unit: see reader.ParseSize.
func ParseSize(text string) (Size, error) { return reader.ParseSize(text) }

// keys returns the table of Config. It is made once, by who needs it first, and never
// written to: a collector needs none, and making it takes as long as all else that a
// process does before main.
var keys = sync.OnceValue(func() *reader.Table { return reader.NewTable(reflect.TypeFor[Config]()) })

// Keys returns the table of all keys, in the order of the sections. The caller
// must not change what the pointers lead to.
func Keys() []*Key { return keys().Keys() }

// Lookup returns the key with that name or alias, nil for none.
func Lookup(name string) *Key { return keys().Lookup(name) }

// Loaded is a configuration and where its values come from. Immutable.
type Loaded struct {
	Config *Config
	// Files were read, in this order.
	Files []string
	// Warnings are about what has no effect: unknown variables.
	Warnings []string

	read *reader.Result // nil where nothing was
}

// Origin returns where the value of a key comes from; of the entry of a map the key
// is such as labels.team.
func (l *Loaded) Origin(key string) Origin {
	if l.read == nil {
		return Origin{}
	}
	return l.read.Origin(key)
}

// Load reads a configuration. The error is an *Errors: every mistake that there is.
// With an error, what it returns besides has all values that are right.
func Load(s Sources) (*Loaded, error) {
	c := new(Config)
	return checked(c, keys().Load(c, s))
}

// Parse reads the text of one file over the defaults, and nothing else. path is what
// errors and origins call it.
func Parse(path string, text []byte) (*Loaded, error) {
	c := new(Config)
	return checked(c, keys().Parse(c, path, text))
}

// checked adds the mistakes that involve several keys to those of the reader.
func checked(c *Config, r *reader.Result) (*Loaded, error) {
	checkRelations(c, r)
	checkLabelSize(c, r)
	checkOutputs(c, r)
	return &Loaded{Config: c, Files: r.Files, Warnings: r.Warnings, read: r}, r.Err()
}

// Default returns the configuration that holds without a file, variables and flags.
func Default() *Config {
	c := new(Config)
	keys().SetDefaults(c)
	return c
}

// DefaultFile returns where the configuration is when no flag and no variable names it:
// /etc/daemoneye/config.yaml for root, and for others daemoneye/config.yaml in
// $XDG_CONFIG_HOME or ~/.config. It is empty for a user without a home.
func DefaultFile() string {
	if os.Geteuid() == 0 {
		return "/etc/daemoneye/config.yaml"
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "daemoneye", "config.yaml")
}

// Diff returns what differs between the configuration in force and the next one,
// in the order of the table.
func Diff(now, next *Config) []Change { return keys().Diff(now, next) }

// Reloaded returns what is in force after a reload: next where a change is live, and
// now where it waits for a restart. It shares lists and maps with both.
func Reloaded(now, next *Config) *Config {
	c := *now
	keys().Adopt(&c, next)
	return &c
}

// Schema returns the JSON schema of a configuration file, see reader.Table.Schema.
func Schema() []byte { return keys().Schema("daemoneye-agent configuration") }

// WriteDefault writes a file with all keys and their defaults, each explained. Load
// takes it, and finds nothing but the defaults in it.
func WriteDefault(w io.Writer) error {
	return keys().WriteDefaults(w,
		"The configuration of daemoneye-agent. Every key has its default here.",
		"Files conf.d/*.yaml beside this one take precedence over it, variables over",
		"those, and flags over all. Maps merge, lists replace.")
}

// Write writes the values of l, with their origins where those are wanted. Load
// takes what it writes.
func (l *Loaded) Write(w io.Writer, origins bool) error {
	if origins {
		return keys().Write(w, l.Config, l.Origin)
	}
	return keys().Write(w, l.Config, nil)
}
