/*
 * The protocol of package ring, for exhaustive search with spin: push, evict, claim,
 * pin, reuse of chunks, park and wake.
 *
 * head is a word of a position and a bit that shows which side moved it there. The code
 * reads and writes the two together. The bit is the pin: see lastClaim.
 *
 * CAP   capacity          CHUNK  slots of a chunk
 * PUSH  elements pushed   BATCH  the largest batch, of pushes and of claims
 *
 * Names are those of the Go code. Every step on shared memory is a transition of its
 * own; what is atomic here (compare-and-swap) is one instruction there. Go's atomics
 * are sequentially consistent, as spin's memory is. The assertions on slots check that
 * the atomics order the plain slots, and in the Go code the race detector checks it.
 *
 * Mutations, each of which spin has to find: NO_PIN, PIN_FIRST, NO_NOTE, SMALL_TABLE,
 * NO_RECHECK, CLOSED_LAST, BLIND_CLAIM.
 */

#ifndef CAP
#define CAP 2
#endif
#ifndef CHUNK
#define CHUNK 1
#endif
#ifndef PUSH
#define PUSH 6
#endif
#ifndef BATCH
#define BATCH 2
#endif

/* Chunks that hold what is queued when the next one is entered, that one, a pinned one. */
#define CHUNKS ((CAP - 1 + CHUNK - 1) / CHUNK + 2)
#ifdef SMALL_TABLE
#define TABLE (CHUNKS - 2)
#else
#define TABLE CHUNKS
#endif
#define NONE 255          /* no chunk, or no chunk number */
#define EMPTY 0           /* a cleared slot; the element at position p is p + 1 */

#define QUEUED 0
#define POPPED 1
#define EVICTED 2

/* Shared. */
byte tail;
byte head;                /* the position of the head word */
bool byProducer;          /* the bit of the head word */
byte table[TABLE];
bool closed, asleep, token;
byte slot[CHUNKS * CHUNK];

/* For the assertions only. */
byte fate[PUSH];          /* of each position: exactly one */
byte claimLow, claimHigh; /* positions that the consumer has claimed and not released */
byte claimChunk;

#define SLOT(c, p) slot[(c) * CHUNK + (p) % CHUNK]

/* lastClaim: the chunk number of the consumer's last claim, from a head word. */
#define LAST_CLAIM(pos, mover) (mover -> pinned : (pos == 0 -> NONE : (pos - 1) / CHUNK))

/* The producer writes to, or clears, the slot of position p in chunk c. */
inline mayTouch(c, p) {
	assert(!(claimLow < claimHigh && c == claimChunk &&
		p % CHUNK >= claimLow % CHUNK && p % CHUNK <= (claimHigh - 1) % CHUNK))
}

/* The producer moves head to at least to, and takes out what it evicts. */
inline evictTo() {
	do
	:: atomic { h = head; mover = byProducer };               /* R */
	   if
	   :: h >= to -> cachedHead = h; break
	   :: else
	   fi;
#ifndef NO_NOTE
	   pinned = LAST_CLAIM(h, mover);                         /* noteClaim */
#endif
	   atomic {
		won = (head == h && byProducer == mover);
		if
		:: won -> head = to; byProducer = true            /* R */
		:: else
		fi
	   };
	   if
	   :: won ->
		cachedHead = to;
		do /* collect */
		:: h < to ->
			d_step {
				c = table[(h / CHUNK) % TABLE];
				mayTouch(c, h);
				assert(SLOT(c, h) == h + 1); /* evicts what it believes to evict */
				SLOT(c, h) = EMPTY;
				assert(fate[h] == QUEUED);
				fate[h] = EVICTED;
				h++
			}
		:: else -> break
		od;
		break
	   :: else ->
		if
		:: n == 1 && to == h + 1 -> cachedHead = to; break  /* Push does not try again */
		:: true                                           /* PushBatch and Evict do */
		fi
	   fi
	od
}

proctype Producer() {
	byte next, cachedHead, h, n, to, c, i;
	byte passed, oldest, made, checked;
	byte pinned = NONE;       /* the last claim before the last eviction */
	byte claim;               /* the last claim */
	byte held = NONE;
	byte heldNumber;
	bool free[CHUNKS];
	bool mover;
	bool won;

	do
	:: next < PUSH ->
		/* PushBatch of n elements; Push is n = 1. */
		n = 1;
		do
		:: n < BATCH && n < CAP && next + n < PUSH -> n++
		:: break
		od;
		/* evictTo: as far as it has to be, or Evict goes one further */
		to = (next + n > CAP -> next + n - CAP : 0);
		if
		:: to < next -> to++
		:: true
		fi;
		if
		:: cachedHead < to ->
			evictTo()
		:: else
		fi;
		/* insertBatch */
		i = next;
		do
		:: i < next + n ->
			if
			:: i % CHUNK == 0 ->
				/* startChunk: any free chunk will do */
				c = 0;
				do
				:: c < CHUNKS && !free[c] -> c++
				:: else -> break
				od;
				if
				:: c == CHUNKS ->
					/* reclaim */
#ifdef PIN_FIRST
					claim = LAST_CLAIM(head, byProducer);     /* R, too early */
					passed = head / CHUNK;                    /* R */
#else
					atomic {
						passed = head / CHUNK;            /* R */
						claim = LAST_CLAIM(head, byProducer)
					};
#endif
#ifdef NO_PIN
					claim = NONE;
#endif
					d_step {
						if
						:: held != NONE && heldNumber != claim ->
							free[held] = true;
							held = NONE
						:: else
						fi;
						/* A bound of two a time, as reclaimBatch says, is enough. */
						checked = 0;
						do
						:: oldest < passed && checked < 2 ->
							c = table[oldest % TABLE];
							if
							:: oldest == claim -> held = c; heldNumber = claim
							:: else -> free[c] = true
							fi;
							oldest++;
							checked++
						:: else -> break
						od;
						c = 0;
						do
						:: c < CHUNKS && !free[c] -> c++
						:: else -> break
						od;
						if
						:: c == CHUNKS ->
							/* newChunk: there is always one left */
							assert(made < CHUNKS);
							c = made;
							made++
						:: else
						fi
					}
				:: else
				fi;
				d_step { /* touch: all of its slots are the producer's */
					assert(!(claimLow < claimHigh && c == claimChunk));
					free[c] = false
				};
				table[(i / CHUNK) % TABLE] = c            /* T */
			:: else -> c = table[(i / CHUNK) % TABLE]
			fi;
			d_step {
				mayTouch(c, i);
				assert(SLOT(c, i) == EMPTY);
				SLOT(c, i) = i + 1;
				i++
			}
		:: else -> break
		od;
		/* publish; variables that are done with are reset, which makes fewer states */
		atomic {
			next = next + n;
			h = 0; to = 0; c = 0; i = 0; won = false;
			passed = 0; claim = 0; checked = 0; mover = false
		};
		atomic {
			tail = next;                              /* W */
			assert(tail - head <= CAP)
		};
		if
		:: asleep ->                                      /* S */
			atomic { won = asleep; asleep = false };
			if
			:: won -> token = true
			:: else
			fi
		:: else
		fi
	:: else -> break
	od;
	/* Close */
	closed = true;                                            /* C */
	if
	:: asleep ->
		atomic { won = asleep; asleep = false };
		if
		:: won -> token = true
		:: else
		fi
	:: else
	fi;
	/* Evict after Close: all of it, or all but one, or nothing. */
	n = 0;
	if
	:: to = next; evictTo()
	:: next > 0 -> to = next - 1; evictTo()
	:: true
	fi
}

proctype Consumer() {
	byte taken, cachedTail, h, n, c, i, end;
	byte reading, number;
	bool won, mover;

	do
	:: if
	   :: atomic { h = head; mover = byProducer }             /* R */
	   :: taken > 0 -> d_step { h = taken; mover = false }    /* Pop, and PopBatch going on, guess */
	   fi;
	   if
	   :: h >= cachedTail -> cachedTail = tail                /* W */
	   :: else
	   fi;
	   if
	   :: h >= cachedTail ->
		/* Wait: announce, check again, sleep */
	park:	asleep = true;                                    /* S */
#ifndef NO_RECHECK
		h = head;                                         /* R */
		if
		:: tail != h -> asleep = false                    /* W */
		:: else ->
			if
			:: closed -> asleep = false               /* C */
			:: else -> token -> token = false; goto park
			fi
		fi;
#else
		token -> token = false;
#endif
#ifdef CLOSED_LAST
		h = head;
		if
		:: tail == h ->
			if
			:: closed -> break
			:: else
			fi
		:: else
		fi
#else
		if
		:: closed ->                                      /* C */
			h = head;                                 /* R */
			if
			:: tail == h -> break                     /* W */
			:: else
			fi
		:: else
		fi
#endif
	   :: else ->
		/* findChunk */
		if
		:: number != h / CHUNK + 1 ->
			reading = table[(h / CHUNK) % TABLE];     /* T */
			number = h / CHUNK + 1
		:: else
		fi;
		/* Any length: Pop, Claim. To the end of the chunk at most. */
		n = 1;
		end = (h / CHUNK + 1) * CHUNK;
		do
		:: n < BATCH && h + n < cachedTail && h + n < end -> n++
		:: break
		od;
		atomic {
#ifdef BLIND_CLAIM
			won = true;
#else
			won = (head == h && byProducer == mover);
#endif
			if
			:: won ->
				head = h + n;                     /* R */
				byProducer = false;
				claimLow = h;
				claimHigh = h + n;
				claimChunk = reading
			:: else
			fi
		};
		if
		:: won ->
			d_step { /* Lost: everything since the last claim was evicted */
				i = taken;
				taken = h + n
			};
			do
			:: i < h -> d_step { assert(fate[i] != POPPED); i++ }
			:: else -> break
			od;
			/* Read in place, twice: nothing may change in between. */
			i = h;
			do
			:: i < h + n ->
				d_step { assert(SLOT(reading, i) == i + 1); i++ }
			:: else -> break
			od;
			i = h;
			do
			:: i < h + n ->
				d_step {
					assert(SLOT(reading, i) == i + 1);
					assert(fate[i] == QUEUED);
					fate[i] = POPPED;
					SLOT(reading, i) = EMPTY;
					i++
				}
			:: else -> break
			od;
			atomic { claimLow = 0; claimHigh = 0 }    /* Release */
		:: else
		fi
	   fi
	od
}

init {
	byte i;
	atomic { run Producer(); run Consumer() };
	/* Both have ended: every position has its fate. */
	_nr_pr == 1;
	do
	:: i < PUSH -> d_step { assert(fate[i] != QUEUED); i++ }
	:: else -> break
	od
}
