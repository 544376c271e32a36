package bus

import "fmt"

// Gap says exactly what a subscription lost, at the place where it was lost.
type Gap struct {
	// First and Last are the lost sequence numbers of this subscription's lane.
	First, Last uint64
	// Count messages of together Bytes bytes of frames were lost. Count is
	// Last-First+1 except with ReasonReplay, where 0 means not known.
	Count, Bytes uint64
	// Urgent names the lane.
	Urgent bool
	Reason Reason
}

func (g *Gap) String() string {
	if g.Count == 0 {
		return fmt.Sprintf("gap: an unknown number of events lost (%s)", g.Reason)
	}
	return fmt.Sprintf("gap: %d events lost (%s), sequence %d..%d", g.Count, g.Reason, g.First, g.Last)
}
