package config

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/config/reader"
)

// Output configures one output. A secret is never in the configuration itself, but in a
// file or in a variable that the configuration names: file:/PATH or env:NAME.
type Output struct {
	Type           string            `yaml:"type" of:"file,stdout,syslog,journald,webhook,nats" default:"file" change:"live" help:"where it sends"`
	Enabled        bool              `yaml:"enabled" default:"true" change:"live" help:"whether it runs"`
	Topics         []string          `yaml:"topics" default:"alerts.#" max:"64" match:"#|([a-z0-9_-]+|[+*])(\\.([a-z0-9_-]+|[+*]))*(\\.#)?" want:"patterns of topics, such as alerts.# or events.process.+" change:"live" help:"what it sends: alerts by alerts.LEVEL, other messages such as events.process.#"`
	MinLevel       string            `yaml:"min_level" default:"informational" of:"informational,low,medium,high,critical" change:"live" help:"least level of alerts"`
	Updates        bool              `yaml:"updates" default:"false" change:"live" help:"also send what becomes of an alert: repeats, acknowledging, closing, notes"`
	Format         string            `yaml:"format" default:"json" of:"json,text" for:"file,stdout,syslog,journald" change:"live" help:"the whole as JSON, or a line for people"`
	Redact         bool              `yaml:"redact" default:"true" change:"live" help:"replace what looks like a secret in command lines, URLs and environments"`
	RedactPatterns []string          `yaml:"redact_patterns" max:"64" change:"live" help:"expressions of what else is secret; of a match the group secret, else the first, else all of it"`
	Queue          int               `yaml:"queue" unit:"N" default:"0" min:"0" max:"10000000" change:"live" help:"messages, not alerts, that wait in the broker; 0 is broker.message_buffer_size"`
	Batch          int               `yaml:"batch" unit:"N" default:"100" min:"1" max:"10000" change:"live" help:"how much is sent at once at most"`
	Timeout        time.Duration     `yaml:"timeout" default:"30s" min:"100ms" max:"10m" change:"live" help:"time for one attempt"`
	RetryMax       time.Duration     `yaml:"retry_max" default:"1m" min:"1s" max:"1h" change:"live" help:"longest wait between two attempts"`
	Path           string            `yaml:"path" match:"(/.*)?" want:"an absolute path" for:"file" change:"live" help:"the file; empty is NAME.jsonl in the data directory"`
	MaxSize        Size              `yaml:"max_size" unit:"BYTES" default:"64MiB" min:"1MiB" max:"1TiB" for:"file" change:"live" help:"size at which the file is moved aside, in whole MiB"`
	Keep           int               `yaml:"keep" unit:"N" default:"8" min:"1" max:"10000" for:"file" change:"live" help:"files that were moved aside and stay"`
	Compress       bool              `yaml:"compress" default:"false" for:"file" change:"live" help:"compress files that were moved aside, with gzip"`
	Address        string            `yaml:"address" secret:"true" match:"|(unix:/.{1,100}|(udp|tcp|tls|nats)://[^\\s/@?#,]+)(,(tls|nats)://[^\\s/@?#,]+)*" want:"unix:/PATH, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT; for nats one or more nats:// or tls://" max:"1024" for:"syslog,nats" change:"live" help:"the receiver"`
	Facility       string            `yaml:"facility" default:"daemon" of:"user,daemon,auth,authpriv,local0,local1,local2,local3,local4,local5,local6,local7" for:"syslog" change:"live" help:"what the receiver sorts by"`
	URL            string            `yaml:"url" secret:"true" match:"|https?://\\S+|env:[A-Za-z_][A-Za-z0-9_]*|file:/.+" want:"http:// or https://, or file:/PATH or env:NAME that has it" max:"2048" for:"webhook" change:"live" help:"the receiver; one that is itself a secret stands in a file or a variable"`
	Template       string            `yaml:"template" default:"json" of:"json,batch,slack,teams,discord,pagerduty,alertmanager" for:"webhook" change:"live" help:"what the receiver understands: one JSON object a request, an array of them, or a form of its own"`
	Headers        map[string]string `yaml:"headers" match:"[A-Za-z0-9-]{1,64}" want:"letters, digits and -" max:"32" for:"webhook" change:"live" help:"headers of requests; a value may be file:/PATH or env:NAME"`
	Redirects      int               `yaml:"redirects" unit:"N" default:"0" min:"0" max:"10" for:"webhook" change:"live" help:"redirects that are followed within the same host; 0 follows none"`
	Secret         string            `yaml:"secret" secret:"true" match:"|env:[A-Za-z_][A-Za-z0-9_]*|file:/.+" want:"file:/PATH or env:NAME" for:"webhook" change:"live" help:"key of the signature in the header X-Daemoneye-Signature; the routing key of PagerDuty"`
	Token          string            `yaml:"token" secret:"true" match:"|env:[A-Za-z_][A-Za-z0-9_]*|file:/.+" want:"file:/PATH or env:NAME" for:"webhook,nats" change:"live" help:"bearer token, or token of the NATS server"`
	User           string            `yaml:"user" max:"256" for:"webhook,nats" change:"live" help:"user, with password"`
	Password       string            `yaml:"password" secret:"true" match:"|env:[A-Za-z_][A-Za-z0-9_]*|file:/.+" want:"file:/PATH or env:NAME" for:"webhook,nats" change:"live" help:"password of user"`
	Credentials    string            `yaml:"credentials" match:"(/.+)?" want:"an absolute path" for:"nats" change:"live" help:"path of a credentials file of NATS"`
	Subject        string            `yaml:"subject" default:"daemoneye" match:"[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*" want:"words with dots between them" max:"128" for:"nats" change:"live" help:"what subjects begin with: SUBJECT.alerts.high"`
	Stream         string            `yaml:"stream" match:"[A-Za-z0-9_-]*" want:"letters, digits, _ and -" max:"128" for:"nats" change:"live" help:"the stream that has to take the subjects; empty is whichever does"`
	CAFile         string            `yaml:"tls_ca" match:"(/.+)?" want:"an absolute path" for:"syslog,webhook,nats" change:"live" help:"file with the authorities that may sign the receiver's certificate; empty is the system's"`
	CertFile       string            `yaml:"tls_cert" match:"(/.+)?" want:"an absolute path" for:"syslog,webhook,nats" change:"live" help:"file with our own certificate"`
	KeyFile        string            `yaml:"tls_key" match:"(/.+)?" want:"an absolute path" for:"syslog,webhook,nats" change:"live" help:"file with its key"`
	ServerName     string            `yaml:"tls_server_name" max:"253" for:"syslog,webhook,nats" change:"live" help:"name in the receiver's certificate; empty is the host of the address"`
}

// secretURLs are templates whose URL is a secret by itself.
var secretURLs = []string{"slack", "teams", "discord"}

// secretHeaders are headers whose value is a secret.
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "api-key"}

// isReference reports whether a value stands in a file or a variable.
func isReference(text string) bool {
	return strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:")
}

// checkOutputs checks what involves several keys of an output, or several outputs.
func checkOutputs(c *Config, r *reader.Result) {
	paths := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Outputs)) {
		o := c.Outputs[name]
		fail := func(key, format string, args ...any) {
			full := "outputs." + name + "." + key
			at := r.Origin(full)
			if !r.Given(full) {
				at = r.Origin("outputs." + name)
			}
			r.Fail(ErrValue, at, full, format, args...)
		}
		for _, k := range Lookup("outputs").EntryKeys() {
			if r.Given("outputs."+name+"."+k.Name) && !k.IsOf(o.Type) {
				fail(k.Name, ": an output of type %s has no such key", o.Type)
			}
		}
		o.check(fail)
		if o.Type == "file" {
			path := o.Path
			if path == "" {
				path = name + ".jsonl"
			}
			if other, ok := paths[path]; ok {
				fail("path", ": output %s has the same file", other)
			}
			paths[path] = name
		}
	}
}

// check checks one output.
func (o *Output) check(fail func(key, format string, args ...any)) {
	for _, need := range []struct{ typ, key, value, want string }{
		{"syslog", "address", o.Address, "such as unix:/dev/log or tls://siem.example:6514"},
		{"nats", "address", o.Address, "such as tls://nats.example:4222"},
		{"webhook", "url", o.URL, "such as https://hook.example/alerts or file:/PATH"},
	} {
		if need.typ == o.Type && need.value == "" {
			fail(need.key, ": an output of type %s needs it, %s", o.Type, need.want)
		}
	}
	kind, _, _ := strings.Cut(o.Address, ":")
	if nats := kind == "nats" || kind == "tls"; o.Address != "" && (o.Type == "nats" && !nats || o.Type == "syslog" && (kind == "nats" || strings.Contains(o.Address, ","))) {
		fail("address", " is %q, which is no address of type %s", o.Address, o.Type)
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		fail("tls_cert", ": tls_cert and tls_key go together")
	}
	if (o.User == "") != (o.Password == "") {
		fail("user", ": user and password go together")
	}
	if o.Template == "pagerduty" && o.Secret == "" {
		fail("secret", ": the template pagerduty needs the routing key there")
	}
	for _, p := range o.RedactPatterns {
		if re, err := regexp.Compile(p); err != nil {
			fail("redact_patterns", ": %q: %v", p, err)
		} else if re.MatchString("") {
			fail("redact_patterns", ": %q matches the empty text", p)
		}
	}
	o.checkSecrets(fail)
}

// checkSecrets refuses secrets that stand in the configuration itself. What it refuses
// is not in the error.
func (o *Output) checkSecrets(fail func(key, format string, args ...any)) {
	if u, err := url.Parse(o.URL); !isReference(o.URL) && (err != nil || u.User != nil) {
		fail("url", ": want a URL without a user, or file:/PATH or env:NAME that has it")
	}
	if slices.Contains(secretURLs, o.Template) && o.URL != "" && !isReference(o.URL) {
		fail("url", ": who knows the URL of %s can send there: want file:/PATH or env:NAME that has it", o.Template)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		if slices.Contains(secretHeaders, strings.ToLower(name)) && !isReference(o.Headers[name]) {
			fail("headers", ": the value of %s is a secret: want file:/PATH or env:NAME that has it", name)
		}
	}
}
