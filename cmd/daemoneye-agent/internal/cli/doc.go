// Package cli is what every command of daemoneye-agent stands on.
//
// A Program is what a command sees of the outside: its input and output. Settings are
// the flags that choose a configuration, a Target is the agent that a command connects
// to. A command returns an error; Program.Exit prints it with a hint of what could help,
// and chooses the exit status. Help, man pages and completion are made from the same
// commands and flags.
//
// This package knows no command. Each group of commands is a package beside this one.
package cli
