package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/ipc"
)

// Settings are the flags that choose a configuration, as far as they were given.
type Settings struct {
	file string
	set  []config.Setting
}

// NoFile stands for a path, and means that no file is read.
const NoFile = "none"

// Flags defines --config and --set.
func (s *Settings) Flags(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&s.file, "config", "", "`PATH` of the configuration file, beside it conf.d; none for none")
	fs.Func("set", "`KEY=VALUE` of any key of the configuration, such as log.level=debug", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("want KEY=VALUE")
		}
		s.Add("--set "+key, key, value)
		return nil
	})
	Complete(c, "set", keyNames())
}

// KeyFlags defines the flags of those keys, or of all that have one.
func (s *Settings) KeyFlags(c *cobra.Command, names ...string) {
	for _, k := range config.Keys() {
		if k.Flag != "" && (len(names) == 0 || slices.Contains(names, k.Name)) {
			c.Flags().Var(&keyFlag{s, k}, k.Flag, k.Help)
			if words := k.Words(); words != nil {
				Complete(c, k.Flag, words)
			}
		}
	}
}

// Add sets a key, as a flag of that name does.
func (s *Settings) Add(flag, key, value string) {
	s.set = append(s.set, config.Setting{Flag: flag, Key: key, Value: value})
}

// Load reads the configuration that all sources make together.
func (s *Settings) Load() (*config.Loaded, error) {
	from := config.Sources{File: cmp.Or(s.file, os.Getenv(config.FileVariable)), Environ: os.Environ(), Flags: s.set}
	switch from.File {
	case "":
		from.File, from.Optional = config.DefaultFile(), true
	case NoFile:
		from.File = ""
	}
	return config.Load(from)
}

// keyNames returns those of all keys, each with =.
func keyNames() (all []string) {
	for _, k := range config.Keys() {
		all = append(all, k.Name+"=")
	}
	return all
}

// keyFlag is the flag of one key. config.Load checks its value.
type keyFlag struct {
	s   *Settings
	key *config.Key
}

var _ pflag.Value = (*keyFlag)(nil)

// String implements pflag.Value: it returns the default.
func (f *keyFlag) String() string { return f.key.Default }

// Type implements pflag.Value: it is what help calls the value.
func (f *keyFlag) Type() string { return f.key.Unit }

// Set implements pflag.Value.
func (f *keyFlag) Set(text string) error {
	f.s.Add("--"+f.key.Flag, f.key.Name, text)
	return nil
}

// Target is the agent that a command talks to: by its flags, or else by the
// configuration that an agent would run with.
type Target struct{ Settings }

// Flags defines --instance and --socket.
func (t *Target) Flags(c *cobra.Command) { t.KeyFlags(c, "instance_id", "broker.socket_path") }

// path returns the agent's socket. It ignores a mistake in a file or a variable, because
// the agent may run with the values that were there before.
func (t *Target) path() (string, error) {
	l, err := t.Load()
	var all *config.Errors
	if errors.As(err, &all) {
		for _, e := range all.List {
			if e.Layer == config.LayerFlag {
				return "", UsageError{Err: e}
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
		return "", UsageError{Err: err}
	}
	return path, nil
}

// CollectorNames are those of all collectors that can be configured.
func CollectorNames() (all []string) {
	for _, k := range config.Keys() {
		section, ok := strings.CutSuffix(k.Name, ".enabled")
		if name, collector := strings.CutPrefix(section, "collectors."); ok && collector {
			all = append(all, name)
		}
	}
	return all
}

// LoadAndWarn is Load, and prints the warnings.
func (s *Settings) LoadAndWarn(p *Program) (*config.Loaded, error) {
	l, err := s.Load()
	for _, w := range l.Warnings {
		fmt.Fprintf(p.Err, "daemoneye-agent: warning: %s\n", w)
	}
	return l, err
}
