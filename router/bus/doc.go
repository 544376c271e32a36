// Package bus has the types of a message bus: messages, subscriptions, requests and
// replies, counters and errors. The in-process client (package router) and the socket
// client (package ipc) both implement Bus. Package router has these names too, as aliases.
package bus
