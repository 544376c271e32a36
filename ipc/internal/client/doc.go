// Package client is the client's half of package ipc, and its doc says what a client
// promises. What is published goes through the outbox (outbox.go, flush.go) to the
// socket of a session (dial.go, redial.go); what comes is read (client_read.go) and
// goes to a subscription (client_sub.go).
package client
