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
// It suits telemetry, market data, logs and samples: streams of which the newest is
// worth more than the oldest, and whose source must not be slowed down by its readers.
//
// A Ring has the methods of both sides. Each side is a type as well: where the two run
// in code of their own, give one the Producer and the other the Consumer, and a call
// that belongs to the other side does not compile.
//
//	go produce(r.Producer())                // has Push, Offer, Evict, Close
//	go consume(r.Consumer())                // has Pop, Claim, Batches, Wait
//
// # When not to use it
//
//   - Several producers or several consumers on one ring: use a channel, or a ring for
//     each producer. Only the race detector finds a second producer.
//   - Nothing may be lost and the producer can wait: a channel is simpler. Offer does not
//     evict, but the producer has to wait in a way of its own.
//   - A few elements a second: a channel costs as little and composes with select.
//   - Elements whose order does not matter, or of which only the last counts: an
//     atomic.Pointer is enough.
//
// # Guarantees
//
//  1. Push, PushBatch, Offer and Evict take a bounded number of steps, whatever the
//     consumer does: it may sleep, keep a batch, or be gone. There is no lock and no loop
//     on a condition, apart from what the runtime does when a push wakes a sleeper or
//     makes a chunk. (TestAHeldClaimCostsOneChunkAndNotTheProducer)
//  2. Every element that was pushed is either claimed by the consumer, or handed back to
//     the producer, or queued, and each exactly once. (TestEveryOperationPair and
//     TestRingBehavesAsASlice, through the ledger of ledger_test.go;
//     TestHistoriesAreLinearizable)
//  3. Elements come out in the order in which they went in. Seq is an element's number
//     since the ring was made, and Lost is exactly the gap before it.
//  4. The capacity is exact, and never exceeded, not even for a moment. The same is true
//     of a byte budget, for sizes and budgets up to math.MaxInt64.
//     (TestEveryOperationPair, which checks the cursors between any two pushes;
//     TestNoSumOfSizesWraps)
//  5. The next push and Close wake a consumer that sleeps. (verify/ring.pml)
//  6. A ring allocates nothing once it has seen its largest backlog, and a claim held
//     during it, which costs one chunk more. An idle ring has allocated no slots, only a
//     table. (TestNothingIsAllocated, TestARingThatIsKeptNearlyEmptyStaysSmall)
//
// What may not be assumed: a push into a full ring evicts first and inserts then, so a
// ring of capacity 1 is empty for a moment, and Pop returns nothing in that moment
// (linear_test.go has the exact specification). Claim may return less than is queued.
// Len, Bytes and Stats are exact only while both sides rest. The consumer is not
// wait-free: it may lose the race for the oldest elements against a producer that evicts
// them. It loses again and again if the ring has only a few elements and the producer
// does nothing but push; see Giving way.
//
// # How it works
//
// A position is a number that counts all elements ever pushed. head is the oldest
// position that neither side took, tail the next position to write; neither ever wraps.
// The slots lie in chunks of (usually) 64. A position's chunk number is position / 64. A
// table maps the chunk numbers in use to the chunks. The producer makes a chunk when it
// first needs it, and reuses it.
//
//	chunk number      41                42                43
//	          ┌────────────────┬─────────────────┬─────────────────┐
//	          │ · · · ·░░░░░▓▓▓│▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓ · · · · · │
//	          └────────┼────┼──┴─────────────────┴───────┼─────────┘
//	                   claim head                        tail
//	                   (the consumer's, pinned)
//
// Ownership of a position p, and of the slot that belongs to it:
//
//   - p >= tail: the producer owns it, to write.
//   - head <= p < tail: neither side owns it. A side takes it when it moves head past it;
//     both sides move head by compare-and-swap and in no other way.
//   - p < head, and the consumer moved head past p: the consumer owns it, to read, change
//     and clear, until its next call (Release).
//   - p < head, and the producer moved head past p: the producer owns it, to hand back
//     and clear.
//
// One thing makes this more than a queue with two cursors. The consumer reads in place
// after its claim, for as long as it likes, while the producer may evict on and on and go
// round the whole ring. On one array it would then overwrite the claim. Hence the pin: the
// producer does not reuse the chunk of the consumer's last claim. The head word shows
// which chunk that is. Its lowest bit shows which side moved it last. If that was the
// consumer, then the claim lies just before head; when the producer moves head on, it
// notes where that was. At most one chunk is pinned, so with two chunks more than can hold
// queued elements there is always a free one. A consumer that keeps a claim costs one
// chunk, and does not delay the producer.
//
// # Sync points
//
// Go's atomic operations are sequentially consistent: there is one order of all of them
// that every goroutine agrees on, and a load that sees a store happens after it. Each
// edge below has a letter, which marks both of its ends in the code.
//
//   - W, the cursor tail. The producer stores it after it wrote the slots, the consumer
//     loads it before it reads them. W orders plain writes of slots (and of spans) before
//     plain reads by the side that claims them. Len and Stats load tail too.
//   - T, an entry of the table. The producer stores it before it stores a tail inside that
//     chunk. T orders the making of a chunk (its header) before its use. The consumer loads
//     the entry of the number that head is in. If head has moved on meanwhile, the entry
//     may be that of a later chunk, and then the compare-and-swap of head fails.
//   - R, the cursor head. Either side moves it by compare-and-swap. By that of the consumer
//     the elements become the consumer's. It succeeds only if head is where it was before
//     the load of T, and positions are never used twice, so success means that the chunk
//     was the right one all along. Failure does no harm: the elements were evicted, and
//     nothing was touched. By that of the producer the elements are evicted. Failure does
//     no harm: only the consumer can have moved head, and that made the room that was
//     wanted. So each attempt that fails frees at least one place, and a push of n
//     elements needs at most n attempts.
//     Reuse of a chunk depends on R too. The producer loads head once, and learns two facts
//     of the same moment: which chunks head has passed, and which chunk the last claim
//     until then is in. For the second fact it sees either the consumer's move of head, or
//     its own later move, which had to see the consumer's move to succeed. A passed chunk
//     other than that one is free: claims in it were over before the last claim was made,
//     and R orders their reads, changes and clearing of slots before the producer's
//     writes; claims that are still to come lie ahead of head. With two loads instead of
//     one, a claim could begin and head could pass it between the loads.
//   - S, the sleeper's flag. The consumer stores it, and then loads head, tail and closed
//     once more. The producer stores tail (or closed), and then loads the flag. One of the
//     two stores comes first in the one order of all. So either the consumer sees the push,
//     or the producer sees the flag, clears it (only one goroutine can) and leaves a token
//     in a channel that has room for one. A token that is left over from an earlier sleep
//     makes the consumer check once more, and does no harm. So the producer pays one load
//     when nobody sleeps, and there is no timer.
//   - C, closed. The producer stores it after the last tail. A consumer that loads it as
//     true and then finds head at tail has seen all there is: nothing follows.
//
// One side owns everything else, in the structs Producer and Consumer, and none of that is
// atomic. Each side caches the position of the other side's cursor that it loaded last,
// and loads again when that does not suffice. A cursor only grows, so a cached position may
// be old but is never wrong.
//
// The number of chunks: let the capacity be C and a chunk have S slots. When the producer
// starts a chunk, at most C-1 elements are queued behind it, in at most ⌈(C-1)/S⌉ chunks.
// One more may be pinned. So ⌈(C-1)/S⌉+2 with the one that it starts. The table has at
// least as many entries, because it also holds the chunks that the producer has not
// reclaimed yet.
//
// The model checker spin searched the protocol exhaustively for small rings. It also found
// that the protocol fails without the pin, with a pin from before the load of head, with a
// smaller table, and without the second check before sleeping: verify/README.md.
//
// # Waiting
//
// A consumer that finds nothing spins for about a microsecond, and then parks until a push
// wakes it. While a stream arrives element by element, Batches pauses for 100 to 300 ns
// before it loads tail again, because each load takes that cache line away from the
// producer. In a profile a push spends more than half of its time in the exchange that
// stores tail, where it waits for that line; the rest of it is not worth a change. Several rings that one goroutine consumes can share a Signal. A consumer that
// sleeps in epoll_wait or elsewhere brings its own (NewSignalFunc).
//
// # Giving way
//
// A consumer that lost the race for head twice in a row asks for a turn, and the producer
// pauses once, for 200 ns, before its next eviction. That is a bounded number of steps,
// and costs no element. To evict more elements at once instead would not help the smallest
// rings, which need it most, and Push can hand back only one old element.
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
//   - Starting a chunk without touching its cache lines: elements one by one take 1.7
//     times as long, because each line comes back from the consumer on its own.
//   - No pause while elements trickle in: 2.4 times as long. A pause of 100 ns at most: 1.6
//     times as long. Pauses of 400 and 800 ns, and claims that end before the cache line
//     that the producer is writing to: no gain beside one of 300 ns.
//   - One struct for both sides, with no pointer from each side to what they share: 4 %
//     faster one by one, 2 % in evictions, no difference elsewhere. The roles would not
//     be types then.
//   - A count of evictions or of pops of its own: 2 to 5 ns for each element. The lowest
//     bit of head shows the same for nothing (Stats).
package ring
