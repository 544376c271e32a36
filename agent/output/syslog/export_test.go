package syslog

import "github.com/daemoneye/eventbus/agent/output"

// Ended reports whether the connection of s has ended.
func Ended(s *Sink) bool { return s.conn == nil || s.conn.ended() != nil }

// Encode returns the message of an item.
func Encode(s *Sink, it *output.Item) string { return s.encode(it, 0) }
