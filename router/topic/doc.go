// Package topic has the names that messages are published under, and the patterns that
// select them: parsing, matching, and a tree that finds the patterns for a topic.
package topic
