// Package rules has the commands about detection rules. No agent has to run for them.
package rules
