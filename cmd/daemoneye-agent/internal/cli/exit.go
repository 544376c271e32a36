package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

// Exit statuses; ExitText explains them to users.
const (
	ExitOK        = iota
	ExitFailed    // what was asked for could not be done
	ExitUsage     // a wrong command line or configuration
	ExitDegraded  // of the agent or a collector
	ExitUnhealthy // of the agent or a collector
	ExitNoAgent   // no agent runs
	ExitNobody    // no subscription has the message
	exitLater     // not now, and later it may succeed
)

// UsageError is a wrong command line.
type UsageError struct{ Err error }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// StatusError ends the program with a status, without a message.
type StatusError int

// Error implements error.
func (e StatusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Exit prints what went wrong and what could help, and returns the exit status of c.
func (p *Program) Exit(ctx context.Context, c *cobra.Command, err error) int {
	var status StatusError
	var wrong UsageError
	var mistakes *config.Errors
	var remote MistakesError
	var unknown NoCommandError
	var operation *control.Error
	name := "help"
	if c.HasParent() {
		name = strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	}
	if err == nil || errors.As(err, &status) {
		if p.Out.err == nil {
			return int(status)
		}
		err = p.Out.err
	}
	if Enough(err) {
		return ExitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		if Is(c, Endless) {
			return ExitOK
		}
		err = errors.New("interrupted")
	}
	if errors.As(err, &unknown) {
		fmt.Fprintf(p.Err, "daemoneye-agent: error: %s\n", display.Clean(err.Error()))
		fmt.Fprintf(p.Err, "daemoneye-agent: hint: the commands are %s\n", unknown.Known)
		return ExitUsage
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(p.Err, "daemoneye-agent: error: %s: %s\n", name, display.Clean(line))
	}
	if h := Hint(name, err); h != "" {
		fmt.Fprintf(p.Err, "daemoneye-agent: hint: %s\n", h)
	}
	switch {
	case errors.As(err, &wrong), errors.As(err, &mistakes), errors.As(err, &remote):
		return ExitUsage
	case NoAgent(err):
		return ExitNoAgent
	case errors.As(err, &operation):
		return operationStatus(operation)
	}
	return ExitFailed
}

// NoCommandError is a command that does not exist. Known are those that do, with commas.
type NoCommandError struct{ Name, Known string }

// Error implements error.
func (e NoCommandError) Error() string {
	return fmt.Sprintf("there is no command %q%s", e.Name, Meant(e.Name, strings.Split(e.Known, ", ")))
}

// MistakesError are what the agent found in its configuration.
type MistakesError []string

// Error implements error.
func (e MistakesError) Error() string { return strings.Join(e, "\n") }

// RefusedError is why collectors of the agent do not take their settings.
type RefusedError []string

// Error implements error.
func (e RefusedError) Error() string { return strings.Join(e, "\n") }
