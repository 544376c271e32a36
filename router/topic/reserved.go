package topic

import "strings"

// IsReserved reports whether topic is reserved for the broker itself.
func IsReserved(topic string) bool {
	return topic == ReservedSegment || strings.HasPrefix(topic, ReservedSegment+".")
}

// ReservedSegment is the first segment of the broker's own topics.
const ReservedSegment = "system"
