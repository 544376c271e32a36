// Package settle finds out when the subscriptions of a publisher's topic have taken what is
// queued for them. A message costs nothing for that: the queues count what was taken
// anyway, and only a queue that a publisher waits for wakes the routing thread when it has
// counted something. All of it is the routing thread's, except for Table.Any and what
// queues call.
package settle
