package config

import "time"

// Config is what an operator can choose. A value comes from Default or Load: the
// zero value has no limits that work. Immutable once it is shared.
//
// The tags of the fields are the key table, see Key. A field whose change is live
// takes effect with a reload; clients, for those that connect after it; one whose change
// is restart waits for the next start.
type Config struct {
	InstanceID string            `yaml:"instance_id" flag:"instance" unit:"NAME" default:"default" match:"[A-Za-z0-9_-]+" want:"letters, digits, _ and - only" max:"64" change:"restart" help:"name of the agent on this host"`
	HostID     string            `yaml:"host_id" match:"[A-Za-z0-9._:-]*" want:"letters, digits, ., _, : and - only" max:"128" change:"restart" help:"id of the host in every event; empty derives it from the machine id"`
	Labels     map[string]string `yaml:"labels" match:"[A-Za-z0-9_.-]{1,64}" want:"1 to 64 letters, digits, _, . and -" max:"32" change:"restart" help:"what the host is called in every event, such as env: prod"`
	Broker     Broker            `yaml:"broker" help:"the message broker, its socket and its limits"`
	Collectors Collectors        `yaml:"collectors" help:"what is collected, each by a process of its own"`
	Detection  Detection         `yaml:"detection" help:"rules that run on events, and raise alerts"`
	Alerts     Alerts            `yaml:"alerts" help:"where alerts are kept, and how many"`
	Outputs    map[string]Output `yaml:"outputs" default:"alerts=file" match:"[a-z0-9_-]{1,64}" want:"1 to 64 of a-z, 0-9, _ and -" max:"32" change:"live" help:"where alerts and chosen messages are sent, by name"`
	Metrics    Metrics           `yaml:"metrics" help:"the agent's figures for Prometheus"`
	Log        Log               `yaml:"log" help:"the agent's own log, on standard error"`
}

// Broker configures the broker and its server.
type Broker struct {
	SocketPath        string        `yaml:"socket_path" flag:"socket" unit:"PATH" max:"107" change:"restart" help:"path of the socket; empty is the instance's own"`
	MaxConnections    int           `yaml:"max_connections" alias:"connection_pool_size" flag:"max-connections" unit:"N" default:"64" min:"1" max:"100000" change:"live" help:"clients at most"`
	MessageBufferSize int           `yaml:"message_buffer_size" alias:"max_queued_messages" flag:"message-buffer-size" unit:"N" default:"1000" min:"1" max:"10000000" change:"clients" help:"messages queued for a subscription: default and maximum"`
	ConnectionTimeout time.Duration `yaml:"connection_timeout_secs" unit:"s" default:"30" min:"100ms" max:"1h" change:"live" help:"time for a handshake, for a whole frame, and for a socket that stays full"`
	Heartbeat         time.Duration `yaml:"heartbeat_secs" unit:"s" default:"10" min:"1s" max:"1h" change:"clients" help:"silence after which a client is asked for a sign of life, three times that ends its connection"`
	DrainTimeout      time.Duration `yaml:"drain_timeout_secs" unit:"s" default:"2" min:"10ms" max:"5m" change:"live" help:"time at the end of the agent for what is still queued"`
	PublishRate       int           `yaml:"publish_rate" unit:"N" default:"0" min:"0" max:"1000000000" change:"clients" help:"messages a second of one connection, a faster one has to wait; 0 is no limit"`
	EnableStatistics  bool          `yaml:"enable_statistics" default:"true" change:"live" help:"write a line of statistics to the log at intervals"`
	StatsInterval     time.Duration `yaml:"stats_interval_secs" unit:"s" default:"30" min:"1s" max:"24h" change:"live" help:"time between two lines of statistics"`
	MaxMessageSize    Size          `yaml:"max_message_size" flag:"max-message-size" unit:"BYTES" default:"1MiB" min:"64KiB" max:"64MiB" why:"an event may be as large" change:"restart" help:"size of a message, with its header"`
	MaxMemoryBytes    Size          `yaml:"max_memory_bytes" flag:"max-memory-bytes" unit:"BYTES" default:"100MiB" max:"1TiB" change:"restart" help:"size of all queued messages together"`
	MaxSubscriptions  int           `yaml:"max_subscriptions" unit:"N" default:"256" min:"1" max:"100000" change:"clients" help:"subscriptions of one client"`
	MaxRequests       int           `yaml:"max_requests" unit:"N" default:"256" min:"1" max:"100000" change:"clients" help:"unanswered requests of one client"`
	OverflowPolicies  []string      `yaml:"overflow_policies" default:"drop-oldest,drop-newest,conflate,disconnect" of:"drop-oldest,drop-newest,conflate,disconnect" change:"clients" help:"what a subscription may choose to happen when its queue is full; drop-oldest is always allowed"`
	LatencyBudget     time.Duration `yaml:"latency_budget" flag:"latency-budget" unit:"TIME" default:"500µs" min:"0" max:"1s" change:"restart" help:"time that events may wait for company while they come densely; 0 is none"`
}

// Collectors configures what the agent runs.
type Collectors struct {
	Process     Process           `yaml:"process" help:"process starts and ends"`
	Filesystem  Filesystem        `yaml:"filesystem" help:"what is made, changed, renamed and removed in chosen folders, and by whom"`
	Network     Network           `yaml:"network" help:"connections and ports that are listened on"`
	Performance Performance       `yaml:"performance" help:"what the host and its processes take, at an interval"`
	External    map[string]string `yaml:"external" match:"[a-z0-9_-]{1,64}" want:"1 to 64 of a-z, 0-9, _ and -" values:"[0-9]{1,9}(:/.+)?" valuewant:"UID or UID:/PATH, such as 990:/usr/local/bin/gpud" max:"64" change:"live" help:"collectors that the agent does not start: by name the user and the program that may be each"`
}

// Process configures the collector of process events.
type Process struct {
	Enabled      bool          `yaml:"enabled" default:"true" change:"live" help:"whether it runs"`
	Source       string        `yaml:"source" flag:"process-source" unit:"SOURCE" default:"auto" of:"auto,ebpf,netlink,poll" change:"live" help:"where process events come from"`
	PollInterval time.Duration `yaml:"poll_interval" flag:"poll-interval" unit:"TIME" default:"500ms" min:"10ms" max:"500ms" change:"live" help:"time between two looks of a source that polls"`
	Forks        bool          `yaml:"forks" default:"false" change:"live" help:"announce also processes that are forked and run their parent's program"`
	Integrity    bool          `yaml:"integrity" default:"true" change:"live" help:"hash each program that is run, once and when it has changed"`
	MaxSize      Size          `yaml:"integrity_max_size" unit:"BYTES" default:"256MiB" min:"1KiB" max:"16GiB" change:"live" help:"size of the largest program that is hashed"`
	Rate         Size          `yaml:"integrity_rate" unit:"BYTES" default:"16MiB" min:"64KiB" max:"16GiB" change:"live" help:"bytes of programs that are hashed in a second"`
	Who
	Redact
	Limits Limits `yaml:"limits" help:"what its process may take, above which it is restarted after a warning"`
}

// Who leaves out events by who acted. What could not be read is no reason to leave an
// event out. Sections that have it embed it.
type Who struct {
	IncludeExecutables []string `yaml:"include_executables" syntax:"pattern" match:"(/.*)?" want:"absolute paths" max:"256" change:"live" help:"programs of which alone there are events; a part of a path may have wildcards, and what is below counts"`
	ExcludeExecutables []string `yaml:"exclude_executables" syntax:"pattern" match:"(/.*)?" want:"absolute paths" max:"256" change:"live" help:"programs whose events are left out"`
	IncludeUsers       []string `yaml:"include_users" match:"([0-9]{1,10}(-[0-9]{1,10})?)?" want:"numbers, or ranges such as 1000-60000" max:"256" change:"live" help:"numbers of users of whom alone there are events"`
	ExcludeUsers       []string `yaml:"exclude_users" match:"([0-9]{1,10}(-[0-9]{1,10})?)?" want:"numbers, or ranges such as 1000-60000" max:"256" change:"live" help:"numbers of users whose events are left out"`
	IncludeUnits       []string `yaml:"include_units" syntax:"pattern" max:"256" change:"live" help:"units of systemd of which alone there are events; a name may have wildcards"`
	ExcludeUnits       []string `yaml:"exclude_units" syntax:"pattern" max:"256" change:"live" help:"units of systemd whose events are left out"`
}

// Redact replaces values in command lines. Sections that have it embed it.
type Redact struct {
	Patterns []string `yaml:"redact" syntax:"regexp" max:"64" change:"live" help:"regular expressions: what their groups match in a command line is replaced by ***** before there is an event, also for rules"`
}

// Limits bounds what the process of a collector takes.
type Limits struct {
	CPUPercent int  `yaml:"cpu_percent" default:"0" min:"0" max:"100000" change:"live" help:"processor time in percent of one core; 0 is no limit"`
	Memory     Size `yaml:"memory" unit:"BYTES" default:"256MiB" max:"1TiB" change:"live" help:"resident memory; 0 is no limit"`
}

// Filesystem configures the collector of filesystem events.
type Filesystem struct {
	Enabled     bool          `yaml:"enabled" default:"true" change:"live" help:"whether it runs"`
	Source      string        `yaml:"source" default:"auto" of:"auto,fanotify,inotify" change:"live" help:"where filesystem events come from"`
	Paths       []string      `yaml:"paths" syntax:"pattern" default:"/etc,/usr/bin,/usr/sbin,/usr/local/bin,/usr/local/sbin,/usr/lib/systemd/system,/var/spool/cron,/boot,/root/.ssh,/home/*/.ssh" match:"/.*" want:"absolute paths" max:"256" change:"live" help:"what is watched, with everything below; a part of a path may have wildcards"`
	Executables []string      `yaml:"executables" syntax:"pattern" default:"/tmp,/var/tmp,/dev/shm" match:"(/.*)?" want:"absolute paths" max:"256" change:"live" help:"where only files that may be run are watched"`
	Exclude     []string      `yaml:"exclude" syntax:"pattern" default:"/etc/mtab" match:"(/.*)?" want:"absolute paths" max:"256" change:"live" help:"what is left out of both"`
	BulkChanges int           `yaml:"bulk_changes" unit:"N" default:"200" min:"0" max:"1000000" change:"live" help:"changes by one process in a short time that are a bulk; 0 for none"`
	BulkWindow  time.Duration `yaml:"bulk_window" default:"10s" min:"100ms" max:"1h" change:"live" help:"that short time"`
	Who
	Redact
	Limits Limits `yaml:"limits" help:"what its process may take, above which it is restarted after a warning"`
}

// Network configures the collector of network events.
type Network struct {
	Enabled  bool          `yaml:"enabled" default:"true" change:"live" help:"whether it runs"`
	Source   string        `yaml:"source" default:"auto" of:"auto,ebpf,sock_diag" change:"live" help:"where network events come from"`
	Interval time.Duration `yaml:"interval" default:"1s" min:"50ms" max:"1m" change:"live" help:"time between two looks at all sockets, or at those of UDP with ebpf; without it who opened a shorter connection is not known"`
	DNS      string        `yaml:"dns" default:"auto" of:"auto,off" change:"live" help:"whether queries of DNS are observed, where the host allows it"`
	Traffic  time.Duration `yaml:"traffic_interval" default:"10s" min:"0" max:"1h" change:"live" help:"time between two samples of what went through each network interface; 0 is none"`
	Who
	Redact
	Limits Limits `yaml:"limits" help:"what its process may take, above which it is restarted after a warning"`
}

// Performance configures the collector of performance events. Of a limit 0 is none.
type Performance struct {
	Enabled        bool          `yaml:"enabled" default:"true" change:"live" help:"whether it runs"`
	Interval       time.Duration `yaml:"interval" default:"10s" min:"100ms" max:"1h" change:"live" help:"time between two samples"`
	TopProcesses   int           `yaml:"top_processes" unit:"N" default:"5" min:"0" max:"50" change:"live" help:"processes that a sample names of those that take most processor time, and most memory"`
	CPU            int           `yaml:"cpu_percent" unit:"PERCENT" default:"95" min:"0" max:"100" change:"live" help:"use of all processors that is an anomaly; 0 for none, as with all limits here"`
	Memory         int           `yaml:"memory_percent" unit:"PERCENT" default:"95" min:"0" max:"100" change:"live" help:"use of memory that is an anomaly"`
	Swap           int           `yaml:"swap_percent" unit:"PERCENT" default:"80" min:"0" max:"100" change:"live" help:"use of swap that is an anomaly"`
	Filesystem     int           `yaml:"filesystem_percent" unit:"PERCENT" default:"90" min:"0" max:"100" change:"live" help:"use of a filesystem that is an anomaly"`
	Files          int           `yaml:"files_percent" unit:"PERCENT" default:"90" min:"0" max:"100" change:"live" help:"use of a filesystem's room for files that is an anomaly"`
	PressureCPU    int           `yaml:"cpu_pressure_percent" unit:"PERCENT" default:"0" min:"0" max:"100" change:"live" help:"share of ten seconds in which some waited for a processor that is an anomaly"`
	PressureIO     int           `yaml:"io_pressure_percent" unit:"PERCENT" default:"60" min:"0" max:"100" change:"live" help:"the same for disks"`
	PressureMemory int           `yaml:"memory_pressure_percent" unit:"PERCENT" default:"20" min:"0" max:"100" change:"live" help:"the same for memory"`
	Sustain        time.Duration `yaml:"sustain" default:"30s" min:"0" max:"1d" change:"live" help:"time for which a figure has to be beyond its limit until it is an anomaly"`
	Hysteresis     int           `yaml:"hysteresis_percent" unit:"PERCENT" default:"5" min:"0" max:"100" change:"live" help:"percent points below its limit at which a figure has recovered"`
	Redact
	Limits Limits `yaml:"limits" help:"what its process may take, above which it is restarted after a warning"`
}

// Metrics configures what Prometheus gets.
type Metrics struct {
	Listen string `yaml:"listen" unit:"ADDRESS" match:"|127\\.[0-9.]+:[0-9]{1,5}|\\[::1\\]:[0-9]{1,5}|unix:/.{1,100}" want:"HOST:PORT on the loopback interface, such as 127.0.0.1:9464 or [::1]:9464, or unix:/PATH" max:"107" change:"live" help:"where http://ADDRESS/metrics is served; empty is nowhere"`
}

// Log configures the agent's own log.
type Log struct {
	Level  string `yaml:"level" flag:"log-level" unit:"LEVEL" default:"info" of:"debug,info,warn,error" change:"live" help:"least level that the agent logs"`
	Format string `yaml:"format" flag:"log-format" unit:"FORMAT" default:"text" of:"text,json" change:"live" help:"form of the lines that the agent logs"`
}
