#!/bin/sh
# Checks the model of the ring's protocol (ring.pml) with spin: every interleaving of the
# right model, and that spin finds each mutation. It exits with 0 if all is as it should
# be, or if spin or a C compiler is missing, and prints which. It takes about a minute and
# a gigabyte; "run.sh deep" goes further, in some minutes and 3 gigabytes.
set -u

for tool in spin gcc; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "ring/verify: skipped: $tool is not installed (Debian: apt-get install spin gcc)"
		exit 0
	fi
done

model=$(cd "$(dirname "$0")" && pwd)/ring.pml
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work" || exit 1
failures=0

# search CAP CHUNK PUSH BATCH [MUTATION]: leaves spin's verdict in the file out.
search() {
	rm -f pan* ring.pml.trail
	cp "$model" ring.pml
	spin -a "-DCAP=$1" "-DCHUNK=$2" "-DPUSH=$3" "-DBATCH=$4" ${5:+"-D$5"} ring.pml >out 2>&1 &&
		gcc -O2 -DSAFETY -o pan pan.c >>out 2>&1 &&
		./pan -m100000 >out 2>&1
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)
}

# The search of a right model has to end, with no error and nothing left out.
right() {
	search "$1" "$2" "$3" "$4"
	if grep -q 'errors: 0' out && ! grep -Eq 'max search depth|out of memory|Search not completed' out; then
		echo "ok    capacity $1, chunks of $2, $3 pushes, $4 a time: $states states, no error"
	else
		echo "FAIL  capacity $1, chunks of $2, $3 pushes, $4 a time"
		tail -n 20 out
		failures=$((failures + 1))
	fi
}

# wrong CAP CHUNK PUSH BATCH MUTATION TEXT WORDS: spin has to find a mutation, by the
# assertion, as spin writes it, that has TEXT in it. WORDS explain the assertion.
wrong() {
	search "$1" "$2" "$3" "$4" "$5"
	if grep -q 'errors: 1' out && grep '^pan:1: ' out | grep -qF "$6"; then
		echo "ok    $5 is found: $7"
	else
		echo "FAIL  $5 (capacity $1, chunks of $2, $3 pushes, $4 a time) is not found, or by something else than '$6'"
		tail -n 20 out
		failures=$((failures + 1))
	fi
}

right 1 1 7 2
right 1 2 8 2
right 2 1 6 2
right 2 2 7 2
right 3 1 6 2
right 3 2 7 2
right 3 3 7 3
right 4 1 6 2
right 4 2 7 2
right 4 3 8 3
if [ "${1:-}" = deep ]; then
	right 2 1 7 2
	right 3 1 6 3
	right 3 2 8 3
	right 3 3 9 3
	right 4 1 7 2
	right 4 2 8 2
	right 4 3 9 3
fi

wrong 1 1 6 2 NO_PIN 'claimLow<claimHigh' 'a write into the claim'
wrong 3 1 6 2 PIN_FIRST 'claimLow<claimHigh' 'a write into the claim'
wrong 3 1 6 2 NO_NOTE 'claimLow<claimHigh' 'a write into the claim'
wrong 2 1 6 2 SMALL_TABLE 'slot[((reading' 'a claim reads another chunk'
wrong 2 1 6 2 NO_RECHECK 'invalid end state' 'asleep for good'
wrong 2 1 6 2 CLOSED_LAST 'fate[i]!=' 'an element that neither side took'
wrong 2 1 6 2 BLIND_CLAIM 'slot[((c' 'an element taken by both sides'

if [ "$failures" -gt 0 ]; then
	echo "ring/verify: $failures of the searches did not end as they should"
	exit 1
fi
