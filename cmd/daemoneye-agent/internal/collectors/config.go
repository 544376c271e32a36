package collectors

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// configFlags defines the flags of collectors config.
func configFlags(c *cobra.Command) func(*cli.Program, string, []string) (any, error) {
	check := c.Flags().Bool("check", false, "have the collector check the values, and change nothing")
	stay := c.Flags().Bool("no-rollback", false, "end a collector that fails with the new values, instead of going back")
	return func(_ *cli.Program, name string, args []string) (any, error) {
		settings, err := collectorSettings(name, args)
		if err != nil {
			return nil, err
		}
		return control.ConfigUpdate{Config: settings, ValidateOnly: *check, Rollback: !*stay}, nil
	}
}

// collectorSettings makes the object of settings of KEY=VALUE. Those of a collector that the
// configuration knows are checked and converted as in a file. For others a value is JSON,
// and where it is none, a text.
func collectorSettings(name string, args []string) (json.RawMessage, error) {
	if len(args) == 0 {
		return nil, cli.Usagef("wants the name of a collector and KEY=VALUE")
	}
	section := "collectors." + name
	all := make(map[string]json.RawMessage, len(args))
	var known []config.Setting
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		switch _, twice := all[key]; {
		case !ok || key == "":
			return nil, cli.Usagef("want KEY=VALUE, got %q", arg)
		case twice:
			return nil, cli.Usagef("%s stands twice", key)
		case key == "enabled":
			return nil, cli.Usagef("enabled is for the agent: use \"collectors start\" and \"collectors stop\"")
		}
		all[key] = jsonValue(value)
		if config.Lookup(section+"."+key) != nil {
			known = append(known, config.Setting{Flag: key, Key: section + "." + key, Value: value})
		}
	}
	if err := convertKnown(section, known, all); err != nil {
		return nil, err
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return b, nil
}

// convertKnown replaces the values of the keys in known by those that the agent would hand
// to the collector.
func convertKnown(section string, known []config.Setting, all map[string]json.RawMessage) error {
	if len(known) == 0 {
		return nil
	}
	l, err := config.Load(config.Sources{Flags: known})
	var mistakes *config.Errors
	if errors.As(err, &mistakes) {
		return cli.UsageError{Err: mistakes.List[0]}
	} else if err != nil {
		return err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(l.Config.Section(section), &values); err != nil {
		return err
	}
	for _, s := range known {
		key := strings.TrimPrefix(s.Key, section+".")
		all[key] = values[key]
	}
	return nil
}

// jsonValue is text as JSON: as it is, where it is JSON, and else as a string.
func jsonValue(text string) json.RawMessage {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be written
	}
	return b
}
