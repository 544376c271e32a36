// Package config is what an operator can choose of the agent: one table of keys, and
// one reader for the start, for config check and for a reload.
//
// A configuration comes from five sources, in rising precedence: the defaults, the
// file, the files *.yaml of the folder conf.d beside it in the order of their names,
// variables such as DAEMONEYE_BROKER_MAX_CONNECTIONS, and flags. Maps merge, lists and
// single values are replaced. Load records where each value comes from.
//
// The structs in config.go and beside it are the table, by their tags: a Key has its name
// in the file, its variable, its flag, its default, its bounds, and whether a reload takes
// it over or the next start does. Package reader follows the table: it checks each value by
// itself, and writes the commented default file, the JSON schema for editors and the
// difference between two configurations. What involves several keys is checked here, in
// check.go and outputs.go. A key is added by adding a field, and by using it.
//
// # What is refused
//
// A key that is unknown, or stands there twice; a value out of its bounds; two names
// of one key with different values in one source; a file that is no regular file or
// has more than 1 MiB, and all files together beyond 4 MiB; more than one document in
// a file; merge keys. Every mistake is reported, up to twenty, each with file, line and
// column, the variable or the flag, and for an unknown key with the most similar valid
// one. An unknown variable only gives a warning, because others may use the prefix, and
// so does a default file in a folder that this user may not enter.
//
// # What may not be assumed
//
// Of text that is not YAML the line may be that of the block with the mistake, because
// the YAML package reports no more. An alias name in one source and the key's own name in
// another are no conflict: the source that takes precedence counts.
//
// Everything here is safe for concurrent use, because nothing is written to after it
// was returned.
package config
