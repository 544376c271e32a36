/*
 * The protocol of package ring, for exhaustive search with spin: push, evict, claim,
 * pin, reuse of chunks, park and wake.
 *
 * CAP   capacity          CHUNK  slots of a chunk
 * PUSH  elements pushed   BATCH  the largest batch, of pushes and of claims
 *
 * Names are those of the Go code. Every step on shared memory is a transition of its
 * own; what is atomic here (compare-and-swap) is one instruction there. Go's atomics
 * are sequentially consistent, as spin's memory is; that the plain slots are ordered by
 * them is what the assertions on slots say, and what the race detector watches.
 *
 * Mutations, each of which has to fail: NO_PIN, PIN_FIRST, SMALL_TABLE, NO_RECHECK,
 * BLIND_CLAIM.
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
#define TABLE (CHUNKS - 1)
#else
#define TABLE CHUNKS
#endif
#define NOCHUNK 255
#define EMPTY 0           /* a cleared slot; the element at position p is p + 1 */

#define QUEUED 0
#define POPPED 1
#define EVICTED 2

/* Shared. */
byte tail, head;
byte table[TABLE];
byte pin = NOCHUNK;
bool closed, asleep, token;
byte slot[CHUNKS * CHUNK];

/* For the assertions only. */
byte fate[PUSH];          /* of each position: exactly one */
byte claimLow, claimHigh; /* positions that the consumer has claimed and not released */
byte claimChunk;

#define SLOT(c, p) slot[(c) * CHUNK + (p) % CHUNK]

/* The producer writes to, or clears, the slot of position p in chunk c. */
inline mayTouch(c, p) {
	assert(!(claimLow < claimHigh && c == claimChunk &&
		p % CHUNK >= claimLow % CHUNK && p % CHUNK <= (claimHigh - 1) % CHUNK))
}

proctype Producer() {
	byte next, headSeen, h, n, to, c, i;
	byte passed, pinned, oldest, made, looked;
	byte held = NOCHUNK;
	bool free[CHUNKS];
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
		:: headSeen < to ->
			do
			:: h = head;                              /* R */
			   if
			   :: h >= to -> headSeen = h; break
			   :: else
			   fi;
			   atomic {
				won = (head == h);
				if
				:: won -> head = to               /* R */
				:: else
				fi
			   };
			   if
			   :: won ->
				headSeen = to;
				do /* collect */
				:: h < to ->
					d_step {
						c = table[(h / CHUNK) % TABLE];
						mayTouch(c, h);
						assert(SLOT(c, h) == h + 1);
						SLOT(c, h) = EMPTY;
						assert(fate[h] == QUEUED);
						fate[h] = EVICTED;
						h++
					}
				:: else -> break
				od;
				break
			   :: else
			   fi
			od
		:: else
		fi;
		/* fill */
		i = next;
		do
		:: i < next + n ->
			if
			:: i % CHUNK == 0 ->
				/* enter: any free chunk will do */
				c = 0;
				do
				:: c < CHUNKS && !free[c] -> c++
				:: else -> break
				od;
				if
				:: c == CHUNKS ->
					/* reclaim */
#ifdef PIN_FIRST
					pinned = pin;                     /* P */
					passed = head / CHUNK;            /* R */
#else
					passed = head / CHUNK;            /* R */
					pinned = pin;                     /* P */
#endif
					d_step {
						if
						:: held != NOCHUNK && held != pinned ->
							free[held] = true;
							held = NOCHUNK
						:: else
						fi;
						/* A bound of two a time, as reclaimBatch says, is enough. */
						looked = 0;
						do
						:: oldest < passed && looked < 2 ->
							c = table[oldest % TABLE];
							oldest++;
							looked++;
							if
							:: c == pinned -> held = c
							:: else -> free[c] = true
							fi
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
		/* publish; what is not needed any more is forgotten, for fewer states */
		atomic {
			next = next + n;
			h = 0; to = 0; c = 0; i = 0; won = false;
			passed = 0; pinned = 0; looked = 0
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
	fi
}

proctype Consumer() {
	byte taken, tailSeen, h, n, c, i, end;
	byte reading = NOCHUNK;
	byte number;
	bool won, done;

	do
	:: h = head;                                              /* R */
	   if
	   :: h >= tailSeen -> tailSeen = tail                    /* W */
	   :: else
	   fi;
	   if
	   :: h >= tailSeen ->
		/* Wait: announce, look again, sleep */
	park:	asleep = true;                                    /* S */
#ifndef NO_RECHECK
		h = head;
		if
		:: tail != h || closed -> asleep = false          /* W, C */
		:: else -> token -> token = false; goto park
		fi;
#else
		token -> token = false;
#endif
		if
		:: closed ->                                      /* C */
			h = head;
			if
			:: tail == h -> break                     /* W */
			:: else
			fi
		:: else
		fi
	   :: else ->
		/* pinChunk */
		if
		:: number != h / CHUNK + 1 ->
			c = table[(h / CHUNK) % TABLE];           /* T */
			number = h / CHUNK + 1;
			if
			:: c != reading ->
#ifndef NO_PIN
				pin = c;                          /* P */
#endif
				reading = c
			:: else
			fi
		:: else
		fi;
		/* Any length: Pop, Claim. To the end of the chunk at most. */
		n = 1;
		end = (h / CHUNK + 1) * CHUNK;
		do
		:: n < BATCH && h + n < tailSeen && h + n < end -> n++
		:: break
		od;
		atomic {
#ifdef BLIND_CLAIM
			won = true;
#else
			won = (head == h);
#endif
			if
			:: won ->
				head = h + n;                     /* R */
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
	od;
	/* Drained: every position has its fate. */
	i = 0;
	do
	:: i < PUSH -> d_step { assert(fate[i] != QUEUED); i++ }
	:: else -> break
	od
}

init {
	atomic { run Producer(); run Consumer() }
}
