package syslog

// Ended reports whether the connection of s has ended.
func Ended(s *Sink) bool { return s.conn == nil || s.conn.ended() != nil }
