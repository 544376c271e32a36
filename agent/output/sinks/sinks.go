// Package sinks makes the outputs of a configuration: it knows each kind of sink, and is
// all that knows them together.
package sinks

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/file"
	"github.com/daemoneye/eventbus/agent/output/format"
	"github.com/daemoneye/eventbus/agent/output/journald"
	"github.com/daemoneye/eventbus/agent/output/nats"
	"github.com/daemoneye/eventbus/agent/output/redact"
	"github.com/daemoneye/eventbus/agent/output/secret"
	"github.com/daemoneye/eventbus/agent/output/stdout"
	"github.com/daemoneye/eventbus/agent/output/syslog"
	"github.com/daemoneye/eventbus/agent/output/webhook"
)

// Environment is what outputs find in the agent.
type Environment struct {
	// DataDir is where files without a path of their own are. Without it there are none.
	DataDir string
	// Stdout is the agent's standard output.
	Stdout *stdout.Writer
	// Host names the host, Version the agent, to receivers.
	Host, Version string
}

// maker makes the sink of one type, and returns in a word where it sends to. k reads the secrets
// of the output, and so knows what may be in no error.
type maker func(e *Environment, k *secret.Keeper, name string, o *config.Output) (target string, sink func() (output.Sink, error))

var makers = map[string]maker{
	"stdout": newStdout, "file": newFile, "syslog": newSyslog, "journald": newJournald, "webhook": newWebhook, "nats": newNATS,
}

// Specs returns the outputs of c that are enabled, by name. The error names the output.
// Secrets and files are not read before they are needed.
func Specs(c *config.Config, e Environment) (all []output.Spec, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.Outputs)) {
		o := c.Outputs[name]
		if !o.Enabled || o.Type == "file" && o.Path == "" && e.DataDir == "" {
			continue
		}
		level, err := alert.ParseLevel(o.MinLevel)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		r, err := redact.New(redact.Options{Patterns: o.RedactPatterns, NoDefaults: !o.Redact})
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		k := &secret.Keeper{}
		target, sink := makers[o.Type](&e, k, name, &o)
		all = append(all, output.Spec{
			Name: name, Type: o.Type, Target: target, Topics: o.Topics, MinLevel: level, Updates: o.Updates, Queue: o.Queue,
			Batch: o.Batch, Timeout: o.Timeout, RetryMax: o.RetryMax, Mask: k.Mask, Redact: r.JSON, New: sink,
		})
	}
	return all, output.Check(all)
}

// line returns what writes an item in the format of the output.
func line(o *config.Output) func(*output.Item) []byte {
	if o.Format == "text" {
		return format.Text
	}
	return format.JSON
}

func files(o *config.Output) secret.TLS {
	return secret.TLS{CA: o.CAFile, Cert: o.CertFile, Key: o.KeyFile, ServerName: o.ServerName}
}

func newStdout(e *Environment, _ *secret.Keeper, _ string, o *config.Output) (string, func() (output.Sink, error)) {
	return "standard output", func() (output.Sink, error) { return stdout.New(e.Stdout, line(o)), nil }
}

func newFile(e *Environment, _ *secret.Keeper, name string, o *config.Output) (string, func() (output.Sink, error)) {
	path := o.Path
	if path == "" {
		path = filepath.Join(e.DataDir, name+".jsonl")
	}
	return path, func() (output.Sink, error) {
		return file.New(file.Options{Path: path, MaxBytes: int64(o.MaxSize), Keep: o.Keep, Compress: o.Compress, Line: line(o)}), nil
	}
}

func newSyslog(e *Environment, k *secret.Keeper, _ string, o *config.Output) (string, func() (output.Sink, error)) {
	return secret.Where(o.Address), func() (output.Sink, error) {
		_, _ = k.URL(o.Address) // it is no reference
		return syslog.New(syslog.Options{Address: o.Address, TLS: files(o), Facility: o.Facility, Host: e.Host, PID: os.Getpid(), Line: line(o)}), nil
	}
}

func newJournald(_ *Environment, _ *secret.Keeper, _ string, o *config.Output) (string, func() (output.Sink, error)) {
	return journald.Socket, func() (output.Sink, error) { return journald.New(journald.Options{JSON: o.Format != "text"}), nil }
}

func newWebhook(e *Environment, k *secret.Keeper, _ string, o *config.Output) (string, func() (output.Sink, error)) {
	return secret.Where(o.URL), func() (output.Sink, error) {
		return webhook.New(webhook.Options{
			URL: o.URL, Template: o.Template, Headers: o.Headers, Redirects: o.Redirects, Secret: o.Secret, Token: o.Token,
			User: o.User, Password: o.Password, TLS: files(o), Version: e.Version, Secrets: k,
		})
	}
}

func newNATS(e *Environment, k *secret.Keeper, _ string, o *config.Output) (string, func() (output.Sink, error)) {
	return secret.Where(o.Address), func() (output.Sink, error) {
		return nats.New(nats.Options{
			Address: o.Address, Subject: o.Subject, Stream: o.Stream, Credentials: o.Credentials, Token: o.Token,
			User: o.User, Password: o.Password, TLS: files(o), Name: "daemoneye " + e.Host, Secrets: k,
		}), nil
	}
}
