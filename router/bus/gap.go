package bus

import "fmt"

// Gap describes exactly which messages a subscription lost. The subscriber gets it at
// their place in the stream.
type Gap struct {
	// First and Last are the lost sequence numbers of this subscription's lane.
	First, Last uint64
	// Count is how many messages were lost, and Bytes the sum of their frames. Count is
	// Last-First+1, except with ReasonReplay, where 0 means not known.
	Count, Bytes uint64
	// Urgent means that they were in the urgent lane.
	Urgent bool
	Reason Reason
}

func (g *Gap) String() string {
	if g.Count == 0 {
		return fmt.Sprintf("gap: an unknown number of events lost (%s)", g.Reason)
	}
	return fmt.Sprintf("gap: %d events lost (%s), sequence %d..%d", g.Count, g.Reason, g.First, g.Last)
}
