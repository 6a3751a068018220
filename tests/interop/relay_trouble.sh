#!/bin/sh
# The example `relay` with calls that break: resets in every state, and more callers than
# descriptors. What was sent before arrives, a reset on one side becomes one on the other, nothing
# is left behind, and nothing spins.
set -eu

# shellcheck source=tests/support/relay.sh
. "$(dirname "$0")/../support/relay.sh"
need awk getconf ip

# ---- Resets ----

# broken WHAT CALLER TARGET: the steps of both. One of them resets. Both end with status 0, and
# nothing is left.
broken() {
    scene=$1
    # shellcheck disable=SC2086 # steps are words
    start_listening target "$peer" listen $3
    target=$started
    start_relay tcp://127.0.0.1:0 "$address" 2
    # shellcheck disable=SC2086
    start caller "$peer" "$port" $2
    ended_well "$started" "$target"
    stays_idle "$scene"
    open_are 0
    stop_relay
}

# What must be received has arrived before the reset, which could overtake it.
resets() {
    broken "the caller resets at once" "reset" "gone"
    broken "the caller resets when all is said" "send:9 recv:9 reset" "recv:9 send:9 cut"
    broken "the caller resets and leaves much unread" "recv:9 reset" "offer:90000000 cut"
    broken "the caller resets after it has finished" "send:9 shut recv:9 reset" "recv:9 end send:9"
    broken "the caller resets a target that has finished" "end send:9 arrived reset" "shut recv:9 cut"
    broken "the target resets at once" "cut" "reset"
    broken "the target answers and resets" "send:9 recv:9000 cut" "recv:9 send:9000 arrived reset"
    broken "the caller resets a target that does not stop" "recv:9 reset" "offer:99000000000 cut"
    broken "the target resets after it has finished" "gone" "shut reset"
    broken "the target resets a caller that has finished" "shut cut" "end reset"
    ok "resets at every state pass through, and leave nothing behind"
}

# What the target sent before its reset arrives, and then the reset does. This is also true for a
# caller with much of it queued in the system, which a reset would overtake.
cut_transfer() {
    scene="a transfer that is cut off"
    start_listening target "$peer" listen recv:1 "send:$1" arrived reset
    target=$started
    start_relay tcp://127.0.0.1:0 "$address" 20
    start caller "$peer" "$port" send:1 "until:$work/read" cut
    [ "$1" -gt 1000000 ] || until_true has_ended "$target" # the relay has received everything
    : >"$work/read"
    ended_well "$started" "$target"
    rm "$work/read"
    grep -qx "heard $1" "$work/caller.out" || fail "of $1 bytes $(cat "$work/caller.out")"
    open_are 0
    stop_relay
    ok "$1 bytes that were cut off arrive, and not as a whole"
}

# What was sent before the reset is not read: the relay waits only for so long.
cut_for_nobody() {
    scene="a reset, and nobody reads what came before"
    start_listening target "$peer" listen recv:1 send:300000 arrived reset
    target=$started
    start_relay tcp://127.0.0.1:0 "$address" 1
    start caller "$peer" "$port" send:1 "until:$work/late" cut
    ended_well "$target"
    open_are 0
    : >"$work/late"
    ended_well "$started"
    rm "$work/late"
    ! grep -qx "heard 300000" "$work/caller.out" || fail "all has arrived: nothing is shown"
    stop_relay
    ok "a caller that does not read is cut off in time"
}

# Two more cases that are no orderly end: the relay's own timeout, and a target that is not there.
cut_by_the_relay() {
    scene="SIGTERM, and no more patience"
    start_listening target "$peer" listen send:9 cut
    target=$started
    start_relay tcp://127.0.0.1:0 "$address" 1
    start caller "$peer" "$port" recv:9 say:here cut
    said caller here
    kill "$relay"
    ended_well "$relay" "$started" "$target"

    scene="a target that refuses"
    start_listening target "$bin/echo_server" tcp://127.0.0.1:0
    stop "$started"
    start_relay tcp://127.0.0.1:0 "$address" 1
    start caller "$peer" "$port" cut
    ended_well "$started"
    open_are 0
    stop_relay
    ok "a caller that the relay cuts off is reset"
}

# A server may answer before it has received everything, and close so that it resets. The relay sees
# both at once, and the answer must still arrive.
early_answer() {
    scene="an early answer"
    start_listening target "$peer" listen "until:$work/stopped" send:300000 arrived reset
    target=$started
    start_relay tcp://127.0.0.1:0 "$address?rcvbuf=1MiB" 20
    start caller "$peer" "$port" offer:90000000 "until:$work/answered" recv:300000 cut
    said caller taken
    kill -STOP "$relay"
    : >"$work/stopped"
    ended_well "$target"
    kill -CONT "$relay"
    : >"$work/answered"
    ended_well "$started"
    open_are 0
    stop_relay
    ok "an answer that comes early, and with a reset, arrives"
}

# ---- Descriptors ----

# Two hundred callers at once, and descriptors for a few. A served caller keeps its connection until
# all the others have waited for a while. Then they are served in turn.
few_descriptors() {
    scene="a limit of 64 descriptors"
    start_listening server "$bin/echo_server" tcp://127.0.0.1:0
    server=$started
    start_listening relay sh -c 'ulimit -n 64 && exec "$@"' sh "$bin/relay" tcp://127.0.0.1:0 \
        "$address" 600
    relay=$started
    callers=
    i=0
    : >"$work/crowd"
    while [ $i -lt 200 ]; do
        "$peer" "$port" ping:1 "say:served $i" "until:$work/enough$i" ping:1 shut end \
            >>"$work/crowd" 2>>"$work/crowd.err" &
        callers="$callers $!"
        i=$((i + 1))
    done
    running="$running $callers"
    some_are_served() {
        [ "$(grep -c served "$work/crowd")" -ge 15 ]
    }
    until_true some_are_served
    stays_idle "$scene, 200 callers"
    served=$(grep -c served "$work/crowd")
    [ "$served" -lt 64 ] || fail "$served are served: nothing is shown"
    # One after the other, so that descriptors are scarce for long.
    done_with=0
    while [ $done_with -lt 200 ]; do
        next_is_served() {
            next=$(sed -n 's/^served //p' "$work/crowd" | sed -n "$((done_with + 1))p")
            [ -n "$next" ]
        }
        until_true next_is_served
        : >"$work/enough$next"
        done_with=$((done_with + 1))
    done
    # shellcheck disable=SC2086 # pids are words
    ended_well $callers
    [ "$(grep -c served "$work/crowd")" -eq 200 ] || fail "not all are served in the end"
    open_are 0
    stays_idle "after $scene"
    stop_relay
    stop "$server"
    ok "with 64 descriptors $served of 200 callers are served at once, and the others after them"
}

resets
cut_transfer 9
cut_transfer 300000
cut_transfer 20000000
cut_for_nobody
cut_by_the_relay
early_answer
few_descriptors
