// Package alert is what an alert is: its fields, its JSON, its life. It has no store: that
// is package store below it.
//
// An alert has one JSON form, in the journal, on the topics alerts.<level>, in what the
// commands print and in what leaves the host:
//
//	id               ULID: sorts by the time at which the alert was raised
//	status           open, acknowledged or closed
//	count            how often it happened: 1, and one more for each repeat
//	first, last      times of the first and of the last event
//	raised           when the agent raised it, by the clock of the host
//	rule             id, title, description, level, tags, path, false_positives, references
//	correlation      true: the rule is a correlation
//	group            of a correlation: the fields that it groups by, with their values
//	host             id, name, boot_id
//	labels           what the operator calls the host
//	event            the event that matched, whole, in the names of ECS, as tail prints it
//	matched          what matched in it: field, value, selection
//	members          of a correlation: rule and event of those that it counted
//	incomplete       why the alert may not have the whole picture; absent: it has
//	context          the last events of the same process tree, oldest first
//	dedup_key        alerts with the same key are repeats of each other
//	fold_for_ns      for how long a repeat only counts
//	silenced         id of the silence that matched it when it was raised or last repeated
//	notes            time, by, text
//
// Times are RFC 3339 in UTC. What is empty is absent, but for id, status, count, the times,
// rule.title and rule.level. TestTheJSONOfAnAlert compares all of it with
// testdata/alert.json. A reader ignores members that it does not know, because later
// versions add some.
//
// # Life
//
//	         ack              close
//	open ──────────► acknowledged ──► closed
//	 ▲ ▲ close ─────────────────────────▲ │
//	 │ └───────────── reopen ─────────────┘
//	 └── reopen ───── acknowledged
//
// Repeats count in an open or acknowledged alert. One of a closed alert is a new alert,
// because whoever closed it was done with it.
package alert
