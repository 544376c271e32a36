// Package display turns what is published into what a person reads: one line an event,
// some of its fields, or only the events that match.
//
// A Record is an event whose fields are found by their names. A Condition selects
// records. Lines writes one line for each, cut to the width of the terminal. Nothing
// that a publisher chose can move the cursor or change colours: control and formatting
// characters are replaced.
package display
