// Package ecs writes events as JSON in the names of the Elastic Common Schema,
// and converts such JSON to events. It is for the edges: tail, outputs, and
// events of others. Between them events stay binary.
//
// Both follow the table of fields in package event. JSON that Append wrote
// converts to the same event, but for text that is not UTF-8
// (TestOurOwnJSONConvertsToTheSameEvent).
package ecs
