// Package reader fills a struct from files, variables and flags by the tags of its fields,
// and writes it: the tags are the table of its keys, see Key. From the table come the
// defaults, the checks of each value, the commented default file, the JSON schema for editors
// and the difference between two values of the struct.
//
// It knows nothing of what is configured.
package reader
