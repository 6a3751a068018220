#!/bin/sh
# A whole poller nested in a foreign loop, libuv's and GLib's: nothing is lost, and the loop does not
# spin. Only those loops take part that were there when the tests were built.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/tests

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need timeout

played=
for loop in libuv glib; do
    [ -x "$bin/nest_$loop" ] || continue
    timeout -k 5 60 "$bin/nest_$loop" >"$work/$loop.out" 2>"$work/$loop.err" || {
        cat "$work/$loop.out"
        fail "nest_$loop ends with $?"
    }
    cat "$work/$loop.out"
    played="$played $loop"
done
[ -n "$played" ] || {
    echo "skipped: neither libuv nor GLib was there when the tests were built"
    exit 77
}
echo "passed:$played"
