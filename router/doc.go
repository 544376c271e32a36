// Package router is the core of a message broker that lives inside a program:
// topics and patterns, filters, queues that drop and announce it, requests with
// answers, retained values and a replay, limits and books. It knows nothing of
// sockets. A program embeds it with New, Run and Client; package ipc puts it on a
// Unix socket, and its clients implement the same interface, Bus.
//
//	broker, err := router.New(router.Options{})
//	go broker.Run(ctx)
//	bus := broker.Client("detector")
//	sub, err := bus.Subscribe(ctx, router.Subscription{Patterns: []string{"events.process.#"}})
//	for m := range sub.Messages(ctx) { ... }
//
// # When not to use it
//
//   - Nothing may ever be lost: there is no disk beneath it, and a queue that is
//     full drops. What is lost is told exactly, and that is all.
//   - Between machines: times and deadlines are of one host's monotonic clock.
//   - Between two goroutines: a channel, or package ring, is simpler.
//
// # The way of a message
//
// In brackets is the goroutine that does it.
//
//  1. Publish encodes the frame into a buffer of the pool, shared by many
//     messages, and puts a reference into the client's ring. [publisher, under
//     the client's own lock; a socket client's bytes are read into such a buffer
//     by the routing thread]
//  2. The routing thread, if it sleeps, is woken; in its turn it takes what has
//     come from all rings and sockets, as batches. [routing thread; Broker.RunWith]
//  3. The topic is looked up: its route has the lane and the subscriptions that it
//     reaches, and is worked out anew only after a subscription came or went. The
//     frame is checked against policy and stamped in place with its source and the
//     broker's sequence. [routing thread; Port.Handle]
//  4. Messages that follow each other on one topic in one buffer are a run. For a
//     run each subscription is visited once: the filter picks, a reference is
//     pushed for each message, and what the queue's policy drops is counted and
//     its reference released. [routing thread; Broker.EndBatch]
//  5. At the end of the turn the queues of socket clients are written out, one
//     write each. [routing thread; Sink.Drain] In-process subscribers wake up and
//     take a batch from their queue in place. [the goroutine in Messages, or the
//     handler's]
//  6. What was shown or written is booked as delivered, and its references
//     released; the last one gives the buffer back to the pool. [as in 5]
//
// The bytes are copied once, in step 1. Nothing is allocated for a message and no
// goroutine started (alloc_test.go).
//
// # One routing thread
//
// All state of the broker (routes, subscriptions, counters, the producing side of
// every queue) belongs to the goroutine that is inside Run. So each ring has one
// producer by construction, order needs no thought, and no lock is on the way of a
// message that a client could hold: the lock of step 1 is the client's own. What
// others want of the broker is a call that it takes between two turns.
//
// A turn under load is a larger batch, so the thread does more in each turn the
// further it falls behind, and what is done once a batch is nearly free. The price
// is that routing is on one core. A turn takes a bounded amount from each client,
// so that none keeps the others waiting.
//
// The other way is a goroutine for each connection. Two bare relays of 128 B, one
// built each way, on 2 cores (make bench, Threads), in million deliveries a second
// and ns of processor time a delivery:
//
//	publishers→subscribers   a goroutine each    one thread
//	 1→1                     6.33     62 ns       7.18    42 ns
//	 1→4                     12.5     32 ns       13.5    24 ns
//	 1→32                    10.1     32 ns       11.4    23 ns
//	 4→1                     3.67    119 ns       4.16    73 ns
//	 4→4                     4.55     68 ns       5.09    31 ns
//	32→1                     0.34    721 ns       0.45   472 ns
//
// and at 10,000 messages a second 36 % against 14 % of a core.
//
// # Guarantees
//
//  1. Conservation: for each subscription, matched = delivered + dropped + queued,
//     at any moment when the routing thread and the consumer are between two calls.
//     (TestAQueueTellsOfEachMessageOnce, TestNothingIsLostWithoutAWord)
//  2. Order: what one goroutine publishes arrives in that order, in each lane. With
//     Conflate that holds for each topic.
//  3. No silent loss: Sequence numbers the messages of a subscription and lane
//     without a hole but where a Gap says which are missing, how many, their bytes
//     and why; also when no message follows. Only of a replay that began too late,
//     or of a broker's earlier life, it may say that nobody knows how many.
//     (TestQueuePolicies)
//  4. No publisher waits for a subscriber, under any policy. It waits for the
//     routing thread alone, and then at most until that has taken what is on its
//     way. (TestAPublisherWaitsForTheRoutingThreadOnly)
//  5. A message reaches a subscription at most once, however many patterns match,
//     and of the members of a queue group whose filters take it one.
//     (TestOverlappingPatternsDeliverOnce, TestAQueueGroupSharesTheMessages)
//  6. When Subscribe returns, whatever is published from then on is matched. When
//     Flush returns, whatever the same client published before has been routed.
//  7. From the moment when they are routed, urgent messages (Options.Urgent,
//     requests, answers) go before the others and have capacity of their own; a
//     flood neither delays them by more than the message that a consumer is at, or
//     what is on a socket already, nor evicts them. On the way in they keep the
//     order of their publisher, behind at most what it has on its way; clients take
//     turns at being first. Want of memory may evict them when no bulk lane has
//     anything left to give, and answers when those that are not read keep more than
//     a quarter of MaxMemory. (TestAnUrgentMessageOvertakesABatchThatWasTaken,
//     TestALaneLosesNothingToTheOther, TestAnswersThatNobodyReadsGiveFirst)
//  8. A request ends: with an answer, an error of its handler, ErrNoResponder,
//     ErrResponderDied, ErrOverloaded or another limit, frame.ErrDeadline after five
//     minutes where it has no deadline of its own, frame.ErrSlow where answers of
//     this client were lost, ErrClosed, or its context.
//     (TestEachOfManyRequestsEnds, TestARequestIsNotOpenForEver)
//  9. Memory for messages stays within MaxMemory, give or take what publishers have
//     in hand, consumers hold, and stores keep (see Known bounds); the fattest queue
//     gives first. A buffer that many queues share counts once.
//     (TestTheFattestQueueGivesFirst, TestMemoryThatNoQueueHoldsIsNotTakenFromThem)
//  10. Every buffer goes back to the pool exactly once, whatever becomes of its
//     messages. (every test, by the pool's count at the end)
//
// # What may not be assumed
//
//   - Order between two publishers, between the two lanes, or between a request
//     and a message.
//   - That what is published reaches anybody: a topic without subscribers is no
//     error, and Publish returns before routing.
//   - That a message outlives its turn of the loop or its handler's call: Clone it.
//   - Which of several reasons a gap names, where messages were lost for more than
//     one: the gravest. Where the reason and the loss cross on their way, it is the
//     queue's usual one.
//   - That the replay reaches back far enough: it says where it does not.
//   - That a name is an identity: Source numbers are the broker's, names are the
//     client's word unless policy checks them.
//   - That a refused message is an error of Publish: policy answers later, in the
//     statistics and, on a socket, by an error frame.
//
// # Known bounds
//
// What is bounded by number, or not by MaxMemory, and how far that goes:
//
//   - ReplayRule.MaxBytes counts the bytes of frames. They are packed into buffers
//     of 64 KiB, and a larger frame has one of its own, so the memory is up to twice
//     that and 128 KiB; it counts under MaxMemory, and cannot be evicted. Beside it a
//     rule remembers up to 16,384 messages that fell out, some 80 bytes each.
//   - Queues are bounded in messages, and in bytes only by MaxMemory over all. Their
//     slots, 32 bytes each, are beside it; so are those for what Retained and
//     ReplayFrom ask for, which stay as long as the subscription.
//   - The patterns and filters of a client's subscriptions are bounded in number,
//     4096, and in bytes, 1 MiB; the sets that they are compiled to take several
//     times that.
//   - A filter costs a walk over each message's extension, and a glob one over its
//     ids: a client with many such subscriptions costs the routing thread as much for
//     each message as that many subscribers.
//   - Cancels for a responder wait in a lane of 512: more than that at once, and the
//     oldest handlers are not told that nobody waits any more.
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
// lose messages; a request to StatsTarget is answered with Stats. The pattern "#"
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
//	queue     lanes, policies, gaps: what waits for one subscriber
//	store     retained values and replay
//	endpoint  consumer, requester, responders: the parts of a client
//	broker    broker.go (what there is) · loop.go (a turn) · burst.go (routing) ·
//	          routes.go, groups.go · requests.go · memory.go · client.go
//
// Package routertest holds the rules that every Bus keeps.
package router
