// Package bus has the commands about messages and events: tail, fields, topics, publish,
// request and bench.
package bus
