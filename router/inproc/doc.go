// Package inproc has the in-process client of a broker. It stands on the same session as a
// connection of package ipc does: it attaches itself to a broker.Broker, and hands over what
// the program publishes through broker.Session.Handle.
package inproc
