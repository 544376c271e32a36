// Package daemon runs the agent: the command run, its log, and the units for systemd.
package daemon
