package main

import (
	"cmp"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/ipc"
)

// settings are the flags that choose a configuration, as far as they were given.
type settings struct {
	file string
	set  []config.Setting
}

// noFile stands for a path, and means that no file is read.
const noFile = "none"

// flags defines -config and -set.
func (s *settings) flags(fs *flag.FlagSet) {
	fs.StringVar(&s.file, "config", "", "`PATH` of the configuration file, beside it conf.d; none for none")
	fs.Func("set", "`KEY=VALUE` of any key of the configuration, such as log.level=debug", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("want KEY=VALUE")
		}
		s.add("-set "+key, key, value)
		return nil
	})
}

// keyFlags defines the flags of those keys, or of all that have one.
func (s *settings) keyFlags(fs *flag.FlagSet, names ...string) {
	for _, k := range config.Keys() {
		if k.Flag != "" && (len(names) == 0 || slices.Contains(names, k.Name)) {
			fs.Var(&keyFlag{s, k}, k.Flag, k.Help)
		}
	}
}

func (s *settings) add(flag, key, value string) {
	s.set = append(s.set, config.Setting{Flag: flag, Key: key, Value: value})
}

// load reads the configuration that all sources make together.
func (s *settings) load() (*config.Loaded, error) {
	from := config.Sources{File: cmp.Or(s.file, os.Getenv(config.FileVariable)), Environ: os.Environ(), Flags: s.set}
	switch from.File {
	case "":
		from.File, from.Optional = config.DefaultFile(), true
	case noFile:
		from.File = ""
	}
	return config.Load(from)
}

// keyFlag is the flag of one key. What its value is worth is found by config.Load.
type keyFlag struct {
	s   *settings
	key *config.Key
}

// String implements flag.Value: it returns the default.
func (f *keyFlag) String() string {
	if f.key == nil {
		return "" // package flag asks a zero value
	}
	return f.key.Default
}

// Set implements flag.Value.
func (f *keyFlag) Set(text string) error {
	f.s.add("-"+f.key.Flag, f.key.Name, text)
	return nil
}

// target is the agent that a command talks to: by its flags, or else by the
// configuration that an agent would run with.
type target struct{ settings }

func (t *target) flags(fs *flag.FlagSet) { t.keyFlags(fs, "instance_id", "broker.socket_path") }

// path returns the agent's socket. A mistake in a file or a variable is the agent's
// affair: it may run with what was there before.
func (t *target) path() (string, error) {
	l, err := t.load()
	var all *config.Errors
	if errors.As(err, &all) {
		for _, e := range all.List {
			if e.Layer == config.LayerFlag {
				return "", usageError{e}
			}
		}
	}
	return socketPath(l.Config)
}

// socketPath returns where an agent of that configuration listens.
func socketPath(c *config.Config) (string, error) {
	if c.Broker.SocketPath != "" {
		return c.Broker.SocketPath, nil
	}
	path, err := ipc.DefaultPath(c.InstanceID)
	if err != nil {
		return "", usageError{err}
	}
	return path, nil
}
