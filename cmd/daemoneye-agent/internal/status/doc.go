// Package status has the commands that ask the running agent how it is, and have it read
// its configuration again.
package status
