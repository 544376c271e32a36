// Package charge accounts the memory that a broker keeps for its clients beside
// message buffers: their sessions, subscriptions, the slots of their queues, and what
// is cached for their topics.
//
// A charge is taken before the memory is, and given back once, by whoever holds it. A
// Ledger adds up all charges, and the buffers of the pool, under one limit. An Account
// is what one client holds. One goroutine at a time uses a ledger and all that belongs
// to it; in a broker that is the routing thread.
package charge
