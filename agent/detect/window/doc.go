// Package window evaluates Sigma correlations: how often rules match in a while, of how
// many values, or which one after the other.
//
// A [Correlator] is given the matches of each event. Each correlation keeps, by group,
// what matched within its span before the last event of the group, both ends counted.
// When what it counts is within its bounds it fires, and the group begins anew, so that
// three events with "gte: 3" fire once and six fire twice.
//
// # Time
//
// Windows follow the time in the events, and not when they come. An event that comes
// late is put in its place, as long as it is within the window; events of the same time
// count in the order in which they come. An event that is older than the whole window
// means that the clock was set back: the group begins anew with it, because it would
// not see anything until the clock is where it was (Stats.Restarted). Absence is no
// event, and so a correlation cannot fire because nothing comes.
//
// # What does not count
//
// An event that lacks a field of group-by is in no group (Stats.Ungrouped). One that
// lacks the field that is looked at, or has no number there where one is needed, does
// not count (Stats.Valueless). Values are compared without regard to case; groups are
// not, because on Linux they are mostly names and paths, in which case counts.
//
// # Bounds
//
// A correlation keeps at most Options.Groups groups and Options.Bytes, and a group at
// most Options.Entries matches. What has to go is the group that was used least
// recently, or the oldest match of the group; Stats counts it. The bounds are of each
// correlation, so that a flood in one leaves the others alone. [Correlator.Expire]
// forgets the groups whose window has passed.
//
// # Losses
//
// [Correlator.Lost] notes that events were lost. What fires over a span with a loss in
// it is marked as incomplete, because it may have counted too few.
package window
