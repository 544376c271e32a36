// Package router is a message broker that lives inside a program: topics and
// patterns, filters, queues that drop and announce what they dropped, requests and
// replies, queue groups, retained values and a replay, all within limits. It has no
// sockets. A program embeds it with New, Run and Client. Package ipc serves the same
// broker on a Unix socket (ipc.Serve then takes the place of Run), and its clients
// implement the same interface, Bus.
//
//	broker, err := router.New(router.Options{})
//	go broker.Run(ctx)
//	bus := broker.Client("detector")
//	sub, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"events.process.#"}})
//	for m := range sub.Messages(ctx) { ... }
//
// The two transports keep the same contract, which package routertest tests on both.
// They differ in this: in process a subscription's Handler runs on a goroutine of its
// own, and may call every method of the bus but Close. Over a socket it runs on the
// goroutine that reads the socket, because that saves a wake-up a message. There it
// must not wait for the broker: Request, Subscribe, Flush, Drain and the like return
// ipc.ErrInHandler.
//
// # When not to use it
//
//   - Where no message may ever be lost: there is no disk beneath the broker, and a
//     full queue drops. The subscriber learns exactly what was dropped, no more. A
//     WindowPublisher keeps queues from being full, and reports what was lost all the
//     same, but the end of a process still loses what it had.
//   - Between machines: times and deadlines are of one machine's monotonic clock.
//   - Between two goroutines: a channel, or package ring, is simpler.
//
// # The way of a message
//
// In brackets is the goroutine that does each step.
//
//  1. Publish encodes the frame into a pooled buffer, which many messages share, and
//     puts a reference into the client's ring. [publisher, under the client's own
//     lock. A socket client's bytes are read into such a buffer by the routing thread]
//  2. The routing thread is woken if it sleeps. In its turn it takes, in batches, what
//     has come from all rings and sockets. [routing thread; Broker.Run]
//  3. The topic is looked up. Its route has the lane and the subscriptions that it
//     reaches; the route is computed again only after a subscription was added or
//     removed. The frame is checked against policy, and stamped in place with its
//     source and the broker's sequence. [routing thread; Session.Handle]
//  4. Consecutive messages on one topic in one buffer are a burst. For a burst each
//     subscription is visited once: its filter selects messages, a reference to each is
//     pushed into its queue, and what the queue's policy drops is counted and released.
//     A session in whose queue another burst would not fit is written out before the
//     next one. [routing thread; Broker.EndBatch]
//  5. At the end of the turn the queues of socket clients are written, one write each.
//     [routing thread; Sink.Drain] In-process subscribers wake up and take a batch from
//     their queue in place. [the goroutine in Messages, or the handler's]
//  6. What the program has taken is counted as delivered, and its references are
//     released. The last reference returns the buffer to the pool. [as in 5; the client
//     behind a socket reports what its program has taken]
//
// The bytes are copied once, in step 1. No memory is allocated for a message, and no
// goroutine is started (alloc_test.go).
//
// # One routing thread
//
// All state of the broker (routes, subscriptions, counters, the producing side of
// every queue) belongs to the goroutine in Run. So each ring has one producer by
// construction, messages keep their order, and no message waits for a lock that a
// client could hold: the lock of step 1 is the client's own. Other goroutines hand the
// routing thread calls, which it runs between two turns.
//
// A turn under load is a larger batch, so the thread does more in each turn the
// further it falls behind, and what is done once a batch is nearly free. The price is
// that routing uses one core. A turn takes a bounded amount of work from each client,
// so that no client makes the others wait.
//
// The alternative is a goroutine for each connection. These are two bare relays of
// 128 B, one of each kind, on 2 cores (make bench, Threads), in million deliveries a
// second and ns of processor time a delivery:
//
//	publishers→subscribers   a goroutine each    one thread
//	 1→1                     6.33     62 ns       7.18    42 ns
//	 1→4                     12.5     32 ns       13.5    24 ns
//	 1→32                    10.1     32 ns       11.4    23 ns
//	 4→1                     3.67    119 ns       4.16    73 ns
//	 4→4                     4.55     68 ns       5.09    31 ns
//	32→1                     0.34    721 ns       0.45   472 ns
//
// At 10,000 messages a second they use 36 % and 14 % of a core.
//
// # Guarantees
//
//  1. Conservation: for each subscription, matched = delivered + dropped + queued, at
//     any moment when the routing thread and the consumer are between two calls.
//     Delivered counts what the program has taken, also behind a socket, unless the
//     client does not report it. What a member of a queue group hands over when it
//     leaves is matched by the member that gets it.
//     (TestAQueueAccountsForEachMessageOnce, TestEveryLossIsAnnounced,
//     TestAWindowBoundsWhatWaitsInAll)
//  2. Order: what one goroutine publishes arrives in that order, in each lane. With
//     Conflate that holds for each topic. A queue group promises no order.
//  3. No silent loss: Sequence numbers the messages of a subscription and lane without
//     a hole, except where a Gap names the missing numbers, their bytes and the reason.
//     A gap comes also when no message follows. Only for a replay that begins too
//     early, or for an earlier life of the broker, the number may be unknown.
//     (TestQueuePolicies)
//  4. No publisher waits for a subscriber, under any policy, but a WindowPublisher, whose
//     purpose that is. A publisher waits only for the routing thread, at most until that
//     has taken what is on its way.
//     (TestAPublisherWaitsForTheRoutingThreadOnly)
//  5. A message reaches a subscription at most once, however many patterns match. Of
//     the members of a queue group whose filters accept it, one gets it.
//     (TestOverlappingPatternsDeliverOnce, TestAQueueGroupSharesTheMessages)
//  6. When Subscribe returns, everything published from then on is matched. When Flush
//     returns, everything that the same client published before has been routed.
//  7. Once routed, urgent messages (Options.Urgent, requests, replies) go before the
//     others and have a capacity of their own. A flood neither evicts them nor delays
//     them by more than the message that a consumer handles, or what a socket already
//     holds. On the way in they keep the order of their publisher, and clients take
//     turns at being first. When memory is short they are evicted last: urgent messages
//     when no bulk lane has anything left, and replies only of clients that leave more
//     than a quarter of MaxMemory unread.
//     (TestAnUrgentMessageOvertakesABatchThatWasTaken,
//     TestALaneLosesNothingToTheOther, TestUnreadAnswersAreEvictedFirst)
//  8. A request ends: with a reply, an error of its handler, ErrNoResponder,
//     ErrResponderDied, ErrOverloaded or another limit, frame.ErrDeadline after five
//     minutes where it has no deadline of its own, frame.ErrSlow where replies to this
//     client were lost, ErrClosed, or its context.
//     (TestEachOfManyRequestsEnds, TestARequestIsNotOpenForEver)
//  9. A context bounds the call that takes it, also behind a broker that has stopped.
//     (the cases "every call ends with its context" and after it in routertest)
//  10. Memory: the buffers of messages and what clients make the broker keep beside
//     them (sessions, subscriptions with their filters, slots of queues, cached routes,
//     what stores keep) are at most MaxMemory together. Each is charged before it is
//     allocated; Stats shows the charges by kind. A buffer that many queues share counts
//     once. When memory is short, the queue that holds most, within a factor of two,
//     drops its oldest messages. The cached routes, at most a sixteenth of MaxMemory, go
//     when no queue has anything left.
//     (TestTheLargestQueueIsEvictedFirst, TestMemoryThatNoQueueHoldsIsNotTakenFromThem)
//  11. Every buffer returns to the pool exactly once, whatever becomes of its messages.
//     (every test, by the pool's count at the end)
//
// # A bound on what waits
//
// Subscription.Queue bounds the messages that wait for a subscriber. Below 1,000 it
// bounds them in all: in process, and over a socket too, where the client reports
// credit; then at most half of the queue is on its way. From 1,000 on it bounds what
// waits in the broker. Beside it the socket holds up to 208 KiB and one write of 256
// KiB, and a client without a Handler up to ClientOptions.Queue messages. A queue of
// one holds one message beside the one that is on its way.
//
// # What may not be assumed
//
//   - Order between two publishers, between the two lanes, or between a request and a
//     message.
//   - That a published message reaches a subscriber: a topic without subscribers is no
//     error, and Publish returns before routing.
//   - That a message outlives its turn of the loop or its handler's call: Clone keeps it.
//   - Which reason a gap names where messages were lost for several: it names the
//     gravest. Where a loss and its reason cross on their way, it names the usual reason
//     of the queue.
//   - That the replay reaches back far enough: a gap shows where it does not.
//   - That a name is an identity: the broker gives Source numbers, and a client chooses
//     its name unless policy checks it.
//   - That Publish returns the error of a message that policy refuses: that appears
//     later in the statistics, and on a socket in an error frame.
//
// # Known bounds
//
// What is bounded by number, or outside MaxMemory, and how far that goes:
//
//   - ReplayRule.MaxBytes counts the bytes of frames. They are packed into buffers of
//     64 KiB, or of the next of 256 KiB, 1 MiB and 4 MiB that a larger frame fits into. All
//     buffers take up to twice MaxBytes, and two of the largest. They count under MaxMemory
//     and cannot be evicted. (TestBuffersOfAReplayAreBounded)
//   - Cancels for a responder wait in a lane of 512. Beyond that the oldest handlers do
//     not learn that their requester has gone. (TestCancelsForAResponderAreBounded)
//
// What a connection of package ipc keeps beside MaxMemory is in the documentation of that.
//
// # Errors
//
// Errors come wrapped with what was attempted, and are tested for with errors.Is
// and errors.As. ErrClosed is returned by everything that is used after its Close,
// and is the same value in ring, router and ipc. The others that a caller can act
// on are listed in errors.go, with *LimitError for every limit and *Fault for
// what a responder's handler returned. Deadlines and cancellation are the
// context's own errors.
//
// # Topics of the broker
//
// Topics below "system" are the broker's: clients may subscribe to them, but not
// publish or respond there. SlowTopic carries advisories of subscriptions that
// lose messages; a request to StatsTarget is answered with Stats, and one to IdentityTarget
// with the identity of a client. The pattern "#"
// takes them as well.
//
// # Reading the source
//
// router.go and names.go are what users see; the rooms below know only those above
// them in this list, and a test holds that:
//
//	topic     names and patterns
//	bus       the vocabulary: Bus, Message, Subscription, Stats, errors
//	filter    what a subscription's filters ask of a message
//	charge    what memory is charged to whom
//	queue     lanes, policies, gaps: what waits for one subscriber
//	store     retained values and replay
//	thread    parts of the routing thread: calls of other goroutines, work, when it rests
//	routes    which subscriptions a topic reaches, and the caches of that
//	requests  the table of open requests
//	weights   which queue is evicted from when memory is short
//	settle    when the messages of a publisher have been taken
//	stats     counters, the last minute, the histogram of latencies
//	endpoint  consumer, requester, responders: the parts of a client
//	broker    broker.go (what there is) · loop.go (a turn) · handle.go (a frame) ·
//	          route.go (a burst) · deliver.go · memory.go · requests.go · end.go
//	inproc    the client in the same process
//
// A subscription is matched in routes/index.go, its filter in filter/filter.go. A message
// is dropped in queue/push.go by the overflow policy (queue/window.go where the queue has a
// window), and in broker/memory.go when memory is
// short. A subscription and a client end in broker/end.go, a connection in
// ipc/internal/server/end.go and ipc/internal/client/end.go.
//
// Package routertest holds the rules that every Bus keeps.
package router
