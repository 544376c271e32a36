// Package actor has what events have of the process that acted: who it is, which
// program it runs, where it belongs, and the processes above it.
package actor
