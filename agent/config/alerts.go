package config

import "time"

// Alerts configures where alerts are kept, and how many.
type Alerts struct {
	DataDir       string        `yaml:"data_dir" unit:"PATH" match:"(/.*)?" want:"an absolute path" max:"3900" change:"restart" help:"where alerts are kept; empty is /var/lib/daemoneye/alerts/INSTANCE for root, and for others the same below daemoneye in $XDG_STATE_HOME or ~/.local/state"`
	MaxSize       Size          `yaml:"max_size" unit:"BYTES" default:"64MiB" min:"1MiB" max:"1TiB" change:"live" help:"size of the journal of alerts, beyond which the oldest go"`
	MaxAge        time.Duration `yaml:"max_age" unit:"TIME" default:"2160h" min:"1h" max:"3650d" change:"live" help:"time for which alerts are kept"`
	SegmentSize   Size          `yaml:"segment_size" unit:"BYTES" default:"4MiB" min:"64KiB" max:"256MiB" change:"restart" help:"size of one file of the journal: what goes, goes by whole files"`
	Memory        Size          `yaml:"memory" unit:"BYTES" default:"16MiB" min:"1MiB" max:"4GiB" change:"live" help:"memory for alerts while the disk cannot be written; a rule has a quarter of it"`
	MaxFolds      int           `yaml:"max_folds" unit:"N" default:"10000" min:"1" max:"1000000" change:"live" help:"alerts that count repeats at a time; a rule has a quarter of them"`
	Burst         int           `yaml:"burst" unit:"N" default:"500" min:"1" max:"1000000" change:"live" help:"alerts that a rule may raise in burst_window; those beyond it count in one alert"`
	BurstWindow   time.Duration `yaml:"burst_window" unit:"TIME" default:"10m" min:"1s" max:"24h" change:"live" help:"that time"`
	CheckInterval time.Duration `yaml:"check_interval" unit:"TIME" default:"1h" min:"1m" max:"30d" change:"restart" help:"time between two comparisons of the index with the journal"`
}
