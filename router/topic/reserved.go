package topic

import "strings"

// IsReserved reports whether topic is one of the broker's own.
func IsReserved(topic string) bool {
	return topic == ReservedSegment || strings.HasPrefix(topic, ReservedSegment+".")
}

// ReservedSegment is the first segment of the broker's own topics.
const ReservedSegment = "system"
