// Package topic has the names under which messages are published, and the patterns that
// select them. It parses and matches patterns. A tree finds the patterns that match a
// topic, and a set of names finds the topics that a pattern matches.
package topic
