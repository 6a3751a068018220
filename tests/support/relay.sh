# For the tests of the example `relay`: sourced by them as interop.sh is, which this brings along.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2317 # what it sets and defines is used by them

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/examples
peer=$build/tests/scripted_peer

# Where the system allows it, in a network whose ports nobody else takes.
if [ "${1-}" != inside ] && unshare -n ip link set lo up 2>/dev/null; then
    exec unshare -n sh "$0" inside
fi
[ "${1-}" != inside ] || ip link set lo up

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"

# A relay that is told to end would wait for its calls.
clean_up() {
    for pid in $running; do
        kill -KILL "$pid" 2>/dev/null || :
    done
    rm -rf "$work"
}

ok() {
    echo "passed: $*"
}

# within PROGRAM...: for two minutes at most.
within() {
    timeout --foreground 120 "$@"
}

# start NAME PROGRAM...: in the background, saying into NAME.out and NAME.err; its pid is $started.
start() {
    name=$1
    shift
    rm -f "$work/$name.out" "$work/$name.err" # what another of that name said is not its word
    "$@" </dev/null >"$work/$name.out" 2>"$work/$name.err" &
    started=$!
    running="$running $started"
}

# said NAME WORDS: until it has said a line that begins so.
said() {
    until_true grep -qs "^$2" "$work/$1.out"
}

# start_listening NAME PROGRAM...: as start; where it then listens is $address, and its $port.
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

# ended_well PID...: all of them.
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

# start_relay LISTEN TARGET [SECONDS]: its pid is $relay, where it listens $address and $port.
start_relay() {
    start_listening relay "$bin/relay" "$@"
    relay=$started
}

# stop_relay: SIGTERM, after which it says that all is well.
stop_relay() {
    kill "$relay"
    ended_well "$relay"
}

answers() {
    grep -c '^relay: [0-9]* open, ' "$work/relay.err" || :
}

# counters: what the relay prints when it is asked is in $work/counters. As until_true may ask, this
# has a limit of its own.
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

# counted PATTERN NUMBER: so many lines of the counters match.
counted() {
    counters
    [ "$(grep -c "$1" "$work/counters")" -eq "$2" ]
}

# open_are NUMBER: until so many calls go through the relay.
open_are() {
    until_true counted "^relay: $1 open, " 1
}

# rests WHEN: for a second the relay takes less than a tenth of a processor.
rests() {
    idles "$relay" 2 1 $(($(getconf CLK_TCK) / 10 - 1)) "$1"
}

# memory_of PID: in KiB.
memory_of() {
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}
