#!/bin/sh
# The example that tests a parser with chaos: its naive reader fails and its right one works, on the
# same day (seed) each time. On a good day it prints that nothing was shown.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need timeout

# day STATUS OPTIONS...: it ends with STATUS. Its output is in $work/said, without the port.
day() {
    wanted=$1
    shift
    status=0
    timeout --foreground 60 "$bin/flaky_peer" "$@" >"$work/raw" 2>"$work/complaint" || status=$?
    sed 's/127\.0\.0\.1:[0-9]*/HOST/' "$work/raw" >"$work/said"
    [ $status -eq "$wanted" ] || fail "flaky_peer $* ends with $status, not $wanted"
}

day 0
grep -q '^chaos+tcp://HOST?seed=7&chunk=3$' "$work/said" || fail "it does not say its address"
grep -q '^    fails$' "$work/said" || fail "the naive reader does not fail"
grep -q '^    works$' "$work/said" || fail "the right reader does not work"
day 0 'chunk=1'
day 0 'seed=8&chunk=5&delay=5ms'
day 1 'reset-after=20&chunk=3'
day 2 'chunk=none'
grep -q 'chunk' "$work/complaint" || fail "a wrong option is not named"
