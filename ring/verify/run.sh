#!/bin/sh
# Checks the model of the ring's protocol (ring.pml) with spin: every interleaving of the
# right model, and that each mutation is found out. Exits with 0 if all is as it should
# be, or if spin or a C compiler is missing, and says so. It takes less than a minute and a
# gigabyte; "run.sh deep" goes further, in some minutes and 3 gigabytes.
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

# search CAP CHUNK PUSH [MUTATION]: leaves spin's verdict in the file out.
search() {
	rm -f pan* ring.pml.trail
	cp "$model" ring.pml
	spin -a "-DCAP=$1" "-DCHUNK=$2" "-DPUSH=$3" ${4:+"-D$4"} ring.pml >out 2>&1 &&
		gcc -O2 -DSAFETY -o pan pan.c >>out 2>&1 &&
		./pan -m100000 >out 2>&1
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)
}

# The search of a right model has to end, with no error and nothing left out.
right() {
	search "$1" "$2" "$3"
	if grep -q 'errors: 0' out && ! grep -Eq 'max search depth|out of memory|Search not completed' out; then
		echo "ok    capacity $1, chunks of $2, $3 pushes: $states states, no error"
	else
		echo "FAIL  capacity $1, chunks of $2, $3 pushes"
		tail -n 20 out
		failures=$((failures + 1))
	fi
}

# A mutation has to be found out.
wrong() {
	search "$1" "$2" "$3" "$4"
	if grep -q 'errors: 1' out; then
		reason=$(sed -n 's/^pan:1: \([a-z ]*[a-z]\).*/\1/p' out)
		echo "ok    $4 is found out: $reason"
	else
		echo "FAIL  $4 (capacity $1, chunks of $2, $3 pushes) is not found out"
		tail -n 20 out
		failures=$((failures + 1))
	fi
}

right 1 1 7
right 1 2 8
right 2 1 6
right 2 2 7
right 3 1 6
right 3 2 7
right 3 3 7
right 4 1 6
right 4 2 7
right 4 3 8
if [ "${1:-}" = deep ]; then
	right 2 1 7
	right 3 2 8
	right 3 3 9
	right 4 1 7
	right 4 2 9
	right 4 3 10
fi

wrong 1 1 6 NO_PIN
wrong 3 1 6 PIN_FIRST
wrong 3 1 6 NO_NOTE
wrong 2 1 6 SMALL_TABLE
wrong 2 1 6 NO_RECHECK
wrong 2 1 6 BLIND_CLAIM

if [ "$failures" -gt 0 ]; then
	echo "ring/verify: $failures of the searches did not end as they should"
	exit 1
fi
