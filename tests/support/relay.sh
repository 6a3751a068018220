# For the tests of the example `relay`, which source it instead of interop.sh: it sources that one.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2317 # the tests use what it sets and defines

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/examples
peer=$build/tests/scripted_peer

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
LIMIT=120 # for `within`

# A relay that gets SIGTERM waits for its calls.
clean_up() {
    for pid in $running; do
        kill -KILL "$pid" 2>/dev/null || :
    done
    rm -rf "$work"
}

# start NAME PROGRAM...: run it in the background, with output to NAME.out and NAME.err. Its pid is
# $started.
start() {
    name=$1
    shift
    rm -f "$work/$name.out" "$work/$name.err" # the output of an earlier program of that name
    "$@" </dev/null >"$work/$name.out" 2>"$work/$name.err" &
    started=$!
    running="$running $started"
}

# said NAME TEXT: wait until it has printed a line that begins with TEXT.
said() {
    until_true grep -qs "^$2" "$work/$1.out"
}

# start_listening NAME PROGRAM...: like start. It listens at $address, with $port.
start_listening() {
    start "$@"
    said "$1" 'listening on '
    address=$(sed -n 's/^listening on //p' "$work/$1.out")
    port=${address##*:}
}

# ended PID: it ends by itself; its status is $status.
ended() {
    until_true has_ended "$1"
    status=0
    wait "$1" || status=$?
    forget "$1"
}

# ended_well PID...: all of them end with status 0.
ended_well() {
    for each in "$@"; do
        ended "$each"
        [ $status -eq 0 ] || fail "${scene-}: $each ends with $status"
    done
}

stop() {
    for each in "$@"; do
        kill "$each" 2>/dev/null || :
        ended "$each"
    done
}

# start_relay LISTEN TARGET [SECONDS]: its pid is $relay. It listens at $address, with $port.
start_relay() {
    start_listening relay "$bin/relay" "$@"
    relay=$started
}

# stop_relay: send SIGTERM. The relay then says that all is well.
stop_relay() {
    kill "$relay"
    ended_well "$relay"
}

answers() {
    grep -c '^relay: [0-9]* open, ' "$work/relay.err" || :
}

# counters: ask the relay for its counters, and leave them in $work/counters. until_true may call
# this, so it has a limit of its own.
counters() {
    had=$(answers)
    kill -USR1 "$relay" || fail "the relay has ended"
    left=3000
    while [ "$(answers)" -le "$had" ]; do
        [ $left -gt 0 ] || fail "the relay prints no counters"
        left=$((left - 1))
        sleep 0.01
    done
    awk '/^relay: [0-9]+ open, / { last = block $0 "\n"; block = ""; next }
        { block = block $0 "\n" } END { printf "%s", last }' "$work/relay.err" >"$work/counters"
}

# counted PATTERN NUMBER: this many lines of the counters match.
counted() {
    counters
    [ "$(grep -c "$1" "$work/counters")" -eq "$2" ]
}

# open_are NUMBER: wait until this many calls go through the relay.
open_are() {
    until_true counted "^relay: $1 open, " 1
}

# stays_idle WHEN: for a second the relay uses less than a tenth of a processor.
stays_idle() {
    idles "$relay" 2 1 $(($(getconf CLK_TCK) / 10 - 1)) "$1"
}
