#!/bin/sh
# A poller nested in a foreign loop, libuv's, GLib's and that of the example `nested_in_poll`:
# nothing is lost, and the loop does not spin. libuv and GLib take part if they were installed when
# the tests were built.
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/tests

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need mkfifo timeout

# start_reading INPUT NAME PROGRAM...: run it in the background. $started is its pid. Only it reads
# the pipe.
start_reading() {
    input=$1
    name=$2
    shift 2
    : >"$work/$name.out"
    timeout 60 "$@" <"$work/$input" >"$work/$name.out" 2>"$work/$name.err" 7>&- 8>&- 9>&- &
    started=$!
    running="$running $started"
}

# example SCHEME HOST: it and its two callers receive from each other, and it ends with its input.
example() {
    rm -f "$work"/*
    mkfifo "$work/typed" "$work/one" "$work/two"
    exec 7<>"$work/typed" 8<>"$work/one" 9<>"$work/two"
    start_reading typed example "$build/examples/nested_in_poll" "$1://$2:0"
    program=$started
    until_true grep -q '^listening on ' "$work/example.out"
    address=$(sed -n 's/^listening on //p' "$work/example.out")
    start_reading one first "$build/examples/netcat" "$address"
    echo 'the first calls' >&8
    start_reading two second "$build/examples/netcat" "$address"
    echo 'the second calls' >&9
    until_true grep -qx 'the first calls' "$work/example.out"
    until_true grep -qx 'the second calls' "$work/example.out"
    echo 'to all' >&7
    until_true grep -qx 'to all' "$work/first.out"
    until_true grep -qx 'to all' "$work/second.out"
    exec 7>&- 8>&- 9>&-
    status=0
    wait "$program" || status=$?
    [ $status -eq 0 ] || fail "nested_in_poll ends with $status"
    echo "passed: nested_in_poll over $1, $2"
}

for host in 127.0.0.1 '[::1]'; do
    example tcp "$host"
    example udp "$host"
done

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
echo "passed: the loops of${played:- nobody else, for neither libuv nor GLib is here}"
