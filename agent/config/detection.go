package config

import (
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/config/reader"
)

// Detection configures the rules that run on events.
type Detection struct {
	Enabled       bool              `yaml:"enabled" default:"true" change:"restart" help:"whether rules run on events"`
	BuiltIn       bool              `yaml:"built_in_rules" default:"true" change:"live" help:"take the rules that come with the agent"`
	Rules         []string          `yaml:"rules" default:"/etc/daemoneye/rules" match:"(/.*)?" want:"absolute paths" max:"64" change:"live" help:"files of rules, and folders with files *.yml and *.yaml; the default folder need not be there"`
	Watch         bool              `yaml:"watch" default:"true" change:"live" help:"load rules again when a file of them changes"`
	MinLevel      string            `yaml:"min_level" default:"informational" of:"informational,low,medium,high,critical" change:"live" help:"least level of a rule that is taken"`
	Include       []string          `yaml:"include" match:"((id|tag|level|status|path):.+)?" want:"KIND:VALUE with a kind of id, tag, level, status or path, such as tag:attack.execution" max:"1024" change:"live" help:"the only rules to take, of which one has to match; * stands for any text"`
	Exclude       []string          `yaml:"exclude" match:"((id|tag|level|status|path):.+)?" want:"KIND:VALUE with a kind of id, tag, level, status or path, such as tag:attack.execution" max:"1024" change:"live" help:"rules to leave out, in the same form"`
	Withdrawn     bool              `yaml:"withdrawn" default:"false" change:"live" help:"take rules of status deprecated and unsupported as well"`
	Placeholders  map[string]string `yaml:"placeholders" match:"[A-Za-z0-9_.-]{1,64}" want:"1 to 64 letters, digits, _, . and -" max:"256" change:"live" help:"what stands for %NAME% in rules under the modifier expand, several values with | between them"`
	FoldWindow    time.Duration     `yaml:"fold_window" default:"10m" min:"0" max:"7d" change:"live" help:"time in which repeats of an alert only count"`
	FoldWindows   map[string]string `yaml:"fold_windows" match:"[^=,]{1,128}" want:"1 to 128 bytes without = and commas" values:"([0-9]+d)?([0-9.]+(ms|s|m|h))*" valuewant:"a time such as 10m or 1d" max:"1024" change:"live" help:"the same of single rules, by their id or name"`
	ContextEvents int               `yaml:"context_events" unit:"N" default:"20" min:"0" max:"200" change:"live" help:"last events of the process tree in an alert"`
	ContextMemory Size              `yaml:"context_memory" unit:"BYTES" default:"4MiB" max:"1GiB" change:"restart" help:"memory for the events that may come to be such a context"`
	Queue         int               `yaml:"queue" unit:"N" default:"0" min:"0" max:"10000000" change:"restart" help:"events that may wait for detection, at most broker.message_buffer_size; 0 is as many"`
	Correlation   Correlation       `yaml:"correlation" help:"bounds of what rules about several events keep"`
}

// Correlation bounds the state of correlations.
type Correlation struct {
	MaxGroups  int           `yaml:"max_groups" unit:"N" default:"10000" min:"1" max:"10000000" change:"live" help:"groups of a correlation; what was used least recently has to go"`
	MaxMatches int           `yaml:"max_matches" unit:"N" default:"1000" min:"1" max:"1000000" change:"live" help:"matches of a group"`
	MaxMemory  Size          `yaml:"max_memory" unit:"BYTES" default:"32MiB" min:"64KiB" max:"1TiB" change:"live" help:"memory of all correlations together, of which one may take a half"`
	MaxAge     time.Duration `yaml:"max_age" default:"168h" min:"1s" max:"366d" change:"live" help:"longest timespan of a correlation; one with a longer one is inactive"`
}

// IsDefaultRules reports whether the paths of rules are the default, which need not be
// there.
func (d *Detection) IsDefaultRules() bool {
	return strings.Join(d.Rules, ",") == Lookup("detection.rules").Default
}

// FoldFor returns the windows of single rules.
func (d *Detection) FoldFor() map[string]time.Duration {
	all := make(map[string]time.Duration, len(d.FoldWindows))
	for name, text := range d.FoldWindows {
		if window, err := reader.ParseDuration(text, false); err == nil {
			all[name] = window
		}
	}
	return all
}

// PlaceholderValues returns the values of each placeholder.
func (d *Detection) PlaceholderValues() map[string][]string {
	all := make(map[string][]string, len(d.Placeholders))
	for name, text := range d.Placeholders {
		all[name] = strings.Split(text, "|")
	}
	return all
}
