// Package ring is a bounded queue between two goroutines that never makes its
// producer wait: when it is full, the oldest element makes room for the newest, and
// comes back to the producer. The consumer reads batches in place, and learns exactly
// how many elements it missed, and where.
//
//	r := ring.New[Event](1000)              // keeps the newest 1000
//	old, full := r.Push(event)              // producer: if full, old is ours again
//	for b := range r.Batches(ctx) {         // consumer: waits; b is valid for one turn
//		use(b.Items, b.Lost)
//	}
//
// It is made for telemetry, market data, logs, samples: for streams of which the newest
// is worth more than the oldest, and whose source must not be slowed down by whoever
// reads them.
//
// # When not to use it
//
//   - Several producers or several consumers on one ring: use a channel, or a ring for
//     each producer. Nothing detects a second producer, except the race detector.
//   - Nothing may be lost and the producer can wait: a channel is simpler. Offer does not
//     evict, but leaves it to the producer how to wait.
//   - A few elements a second: a channel costs as little and composes with select.
//   - Elements whose order does not matter, or of which only the last counts: an
//     atomic.Pointer will do.
//
// # Guarantees
//
//  1. Push, PushBatch, Offer and Evict take a bounded number of steps, whatever the
//     consumer does or leaves undone: asleep, stuck in a batch, or gone. There is no lock
//     and no loop on a condition, apart from what the runtime does when a push wakes a
//     sleeper or makes a chunk. (TestAHeldClaimCostsOneChunkAndNotTheProducer)
//  2. Every element that was pushed is either claimed by the consumer, or handed back to
//     the producer, or queued, and each exactly once. (TestEveryOperationPair and
//     TestRingBehavesAsASlice, through the ledger of ledger_test.go;
//     TestHistoriesAreLinearizable)
//  3. Elements come out in the order in which they went in. Seq is an element's number
//     since the ring was made, and Lost is exactly the gap before it.
//  4. The capacity is exact, and never exceeded, not even for a moment; so is a byte
//     budget. (TestEveryOperationPair, which looks at the cursors all the time)
//  5. A consumer that sleeps is woken by the next push and by Close. (verify/ring.pml)
//  6. Nothing is allocated once a ring has seen its largest backlog, and a claim held
//     during it, which costs one chunk more; an idle ring has allocated no slots, only a
//     table. (TestNothingIsAllocated, TestARingThatIsKeptNearlyEmptyStaysSmall)
//
// What may not be assumed: a push into a full ring evicts first and inserts then, so for
// a moment a ring of capacity 1 is empty, and Pop says so (linear_test.go has the exact
// specification). Claim may return less than is queued. Len, Bytes and Stats are exact
// only while both sides rest. The consumer is not wait-free: it loses the race for the
// oldest elements against a producer that evicts them, again and again if the ring is as
// small as a few elements and the producer does nothing but push; see Giving way.
//
// # How it works
//
// A position is a number that counts all elements ever pushed. head is the oldest
// position that nobody took, tail the next one to write; neither ever wraps. The slots
// lie in chunks of (usually) 64. A position's chunk number is position / 64; a table maps
// the chunk numbers in use to the chunks, which are made when they are first needed, and
// reused.
//
//	chunk number      41                42                43
//	          ┌────────────────┬─────────────────┬─────────────────┐
//	          │ · · · ·░░░░░▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓ · · · · · │
//	          └────────┼────┼──┴─────────────────┴───────┼─────────┘
//	                   claim head                        tail
//	                   (the consumer's, pinned)
//
// Ownership of a position p, and with it of the slot that is its own:
//
//   - p >= tail: the producer's, to write.
//   - head <= p < tail: nobody's. It is taken by moving head past it, which both sides do
//     by compare-and-swap and in no other way.
//   - p < head, and the consumer moved head past p: the consumer's, to read, change and
//     clear, until its next call (Release).
//   - p < head, and the producer moved head past p: the producer's, to hand back and clear.
//
// What makes this more than a queue with two cursors is that the consumer reads in place
// after its claim, for as long as it likes, while the producer may evict on and on and go
// round the whole ring. On one array it would then overwrite the claim. Hence the pin: the
// producer does not reuse the chunk of the consumer's last claim. Which one that is, head
// says by itself: its lowest bit tells who moved it last, and if that was the consumer, the
// claim lies just before it; when the producer moves head on, it notes where that was. At
// most one chunk is pinned, so with two chunks more than can hold queued elements there
// is always a free one: what dwells on a claim costs one chunk, not the producer.
//
// # Sync points
//
// Go's atomic operations are sequentially consistent: there is one order of all of them
// that every goroutine agrees on, and a load that sees a store happens after it. Each
// edge below has a letter, which marks both of its ends in the code.
//
//   - W, the cursor tail. The producer stores it after it wrote the slots, the consumer
//     loads it before it reads them. Orders: plain writes of slots (and of spans) before
//     plain reads by whoever claims them. Len and Stats load it too.
//   - T, an entry of the table. The producer stores it before it stores a tail inside that
//     chunk. Orders: the making of a chunk (its header) before its use. The consumer loads
//     the entry of the number that head is in; if head has moved on meanwhile, the entry may
//     be that of a later chunk, and the compare-and-swap of head fails.
//   - R, the cursor head, moved by compare-and-swap of either side. The consumer's says: these
//     are mine now. It succeeds only if head is where it was before the look at T, and
//     positions are never used twice, so success means that the chunk was the right one all
//     along. Failure is fine: the elements were evicted, nothing was touched. The producer's
//     says: these come out. Failure is fine: only the consumer can have moved head, and that
//     made the room that was wanted. So each attempt that fails frees at least one place, and
//     a push of n elements needs at most n attempts.
//     Reuse of a chunk hangs on R too. The producer looks at head once, and learns two things
//     of the same moment: which chunks head has passed, and which one the last claim until
//     then is in, whether it sees the consumer's move itself or its own that came later, and
//     had to see the consumer's to succeed. A passed chunk other than that one is free:
//     claims in it were over before the last claim was made, and R orders their reads,
//     changes and clearing of slots before the producer's writes; claims that are still
//     to come lie ahead of head. With two looks instead of one, a claim could begin and head
//     pass it in between.
//   - S, the sleeper's flag. The consumer stores it, and then looks at head, tail and closed
//     once more; the producer stores tail (or closed), and then loads S. In the one order of
//     all, one of the two comes first: either the consumer sees the push, or the producer
//     sees the flag, clears it (only one can) and leaves a token in a channel that has room
//     for one. A token that is left over from an earlier sleep makes one look more, and no
//     harm. So the producer pays one load when nobody sleeps, and there is no timer.
//   - C, closed. Stored after the last tail. Whoever loads it as true and then finds head at
//     tail knows that nothing follows.
//
// Everything else is owned by one side (the structs producer and consumer), and is not
// atomic. Each side keeps the position of the other one's cursor that it saw last, and
// looks again when that does not suffice: a cursor only grows, so what was seen may be old
// but is never wrong.
//
// The number of chunks: let the capacity be C and a chunk have S slots. When the producer
// enters a chunk, at most C-1 elements are queued behind it, in at most ⌈(C-1)/S⌉ chunks.
// One more may be pinned. So ⌈(C-1)/S⌉+2 with the one it enters. The table has as many
// entries at least, for the producer finds in it also the chunks that it has not reclaimed
// yet.
//
// The protocol was checked exhaustively for small rings with spin, and so was that it
// fails without the pin, with a pin that is older than the look at head, with a smaller
// table, and without the second look before sleeping: verify/README.md.
//
// # Waiting
//
// A consumer that finds nothing spins for about a microsecond, and then parks until it is
// woken. While a stream trickles in element by element, Batches pauses for some 100 ns
// before it looks at tail again: each look takes that cache line away from the producer.
// Several rings that one goroutine consumes can share a Signal, and a consumer that sleeps
// in epoll_wait or elsewhere brings its own (NewSignalFunc).
//
// # Giving way
//
// A consumer that lost the race for head twice in a row asks, and the producer, before its
// next eviction, pauses once, for 200 ns. That is a bounded number of steps, and costs
// no element; to evict more at once instead would not help the smallest rings, where it
// matters, and Push has room for one old element only.
//
// # What else was tried
//
// Figures are from README.md, which has the machine and the command.
//
//   - Slots of atomic pointers, read before a compare-and-swap of head: right, but one
//     locked instruction for each element on each side; a quarter of the speed in batches.
//   - Indices into a slab, exchanged as they are overwritten: right, and slow for the same
//     reason.
//   - Claiming on one array without a pin: torn reads within milliseconds at capacity 1.
//   - A pin of its own, stored before the compare-and-swap: one more locked instruction
//     for each chunk, and one more order of loads to get right; 5 % slower in batches.
//   - Chunks reused first-in-first-out instead of last-in-first-out: no difference in speed,
//     and a backlog that happened once keeps all its chunks in use, and in the caches.
//   - Entering a chunk without touching its cache lines: elements one by one take 1.7
//     times as long, as each line is fetched back from the consumer on its own.
//   - No pause while elements trickle in: 2.4 times as long. A pause that grows: no gain.
//   - A count of evictions or of pops of its own: 2 to 5 ns for each element. The lowest
//     bit of head tells the same for nothing (Stats).
package ring
