#!/bin/sh
# The example `relay` where something is broken: a target that refuses or does not answer, resets at
# every state, callers who are gone without a word, descriptors used up. The others are served on
# time, everybody is told, nothing is left behind and nothing spins.
set -eu

# shellcheck source=tests/support/relay.sh
. "$(dirname "$0")/../support/relay.sh"
need awk getconf ip

# ---- Targets ----

refused() {
    scene="a refused target"
    start_listening target "$bin/echo_server" tcp://127.0.0.1:0
    target=$started
    target_address=$address
    start_relay tcp://127.0.0.1:0 "$address" 600
    within "$peer" "$port" ping:10 shut end >"$work/talk" || fail "not while it listens either"
    stop "$target"
    for i in 1 2 3; do
        within "$peer" "$port" gone >"$work/talk" || fail "caller $i is not told"
    done
    open_are 0
    [ "$(grep -c ": connect $target_address: refused" "$work/relay.err")" -eq 3 ] ||
        fail "three refusals are not in $(cat "$work/relay.err")"
    rests "nobody calls"
    stop_relay
    ok "a caller whose target refuses is told at once"
}

# The target is called by one through the relay, by another directly, who fills its queue; those who
# call after that find nobody.
black_hole() {
    scene="a target that does not answer"
    start_listening target "$peer" listen echo
    target=$started
    target_port=$port
    start_relay tcp://127.0.0.1:0 "$address" 10
    start talker "$peer" "$port" ping:10 "until:$work/black" ping:500 say:talked \
        "until:$work/over" ping:10 shut end
    talker=$started
    open_are 1
    said talker slowest
    start filler "$peer" "$target_port" "until:$work/over"
    filler=$started
    callers=
    for i in 1 2 3 4 5 6 7 8 9 10; do
        start "caller$i" "$peer" "$port" send:100000 gone
        callers="$callers $started"
    done
    until_true counted ' dialing: ' 10
    : >"$work/black"
    said talker talked
    slowest=$(sed -n 's/^slowest //p' "$work/talker.out" | tail -n 1)
    [ "$slowest" -lt 5000 ] || fail "beside ten dials a talk takes $slowest ms"
    rests "ten dials that nobody answers"
    # shellcheck disable=SC2086 # pids are words
    ended_well $callers
    [ "$(grep -c 'does not answer in time' "$work/relay.err")" -eq 10 ] || fail "who was told?"
    open_are 1
    : >"$work/over"
    ended_well "$talker" "$filler" "$target"
    open_are 0
    stop_relay
    ok "beside ten dials that nobody answers a talk goes on; its slowest word takes $slowest ms"
}

# ---- Resets ----

# broken WHAT CALLER TARGET: steps of both; one of them resets. Both end well, and nothing is left.
broken() {
    scene=$1
    # shellcheck disable=SC2086 # steps are words
    start_listening target "$peer" listen $3
    target=$started
    start_relay tcp://127.0.0.1:0 "$address" 2
    # shellcheck disable=SC2086
    start caller "$peer" "$port" $2
    ended_well "$started" "$target"
    rests "$scene"
    open_are 0
    stop_relay
}

resets() {
    broken "the caller resets at once" "reset" "gone"
    broken "the caller resets when all is said" "send:9 recv:9 reset" "recv:9 send:9 gone"
    broken "the caller resets and leaves much unread" "recv:9 reset" "offer:90000000 gone"
    broken "the caller resets after he has finished" "send:9 shut recv:9 reset" "recv:9 end send:9"
    broken "the caller resets a target that has finished" "end send:9 reset" "shut recv:9 gone"
    broken "the target resets at once" "gone" "reset"
    broken "the target answers and resets" "send:9 recv:9000 gone" "recv:9 send:9000 reset"
    broken "the target answers too early and resets" "offer:9000000 recv:9 gone" \
        "recv:9 send:9 reset"
    broken "the target resets after it has finished" "end gone" "shut reset"
    broken "the target resets a caller who has finished" "shut gone" "end reset"
    ok "resets at every state leave nothing behind"
}

# Long before any deadline of the dial. He has said nothing: what he says stays in the buffer until
# then, and only who is listened to is known to be gone.
reset_while_dialing() {
    scene="a caller resets while his target is dialed"
    start_listening target "$peer" listen "until:$work/done"
    target=$started
    start filler "$peer" "$port"
    ended_well "$started"
    start filler "$peer" "$port" "until:$work/done"
    filler=$started
    start_relay tcp://127.0.0.1:0 "$address" 600
    start caller "$peer" "$port" "until:$work/dialing" reset
    until_true counted ' dialing: ' 1
    : >"$work/dialing"
    ended_well "$started"
    open_are 0
    rests "$scene"
    : >"$work/done"
    ended_well "$filler" "$target"
    stop_relay
    ok "a caller who resets while his target is dialed is forgotten at once"
}

# ---- Descriptors ----

# Two hundred callers at once, and descriptors for a few: who is served holds his line until all
# the others have waited for a while, and then they are served in turn.
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
        "$peer" "$port" ping:1 say:served "until:$work/enough" ping:1 shut end >>"$work/crowd" \
            2>>"$work/crowd.err" &
        callers="$callers $!"
        i=$((i + 1))
    done
    running="$running $callers"
    some_are_served() {
        [ "$(grep -c served "$work/crowd")" -ge 15 ]
    }
    until_true some_are_served
    rests "$scene, 200 callers"
    served=$(grep -c served "$work/crowd")
    [ "$served" -lt 64 ] || fail "$served are served: nothing is shown"
    : >"$work/enough"
    # shellcheck disable=SC2086 # pids are words
    ended_well $callers
    [ "$(grep -c served "$work/crowd")" -eq 200 ] || fail "not all are served in the end"
    open_are 0
    rests "after $scene"
    stop_relay
    stop "$server"
    ok "with 64 descriptors $served of 200 callers are served at once, and the others after them"
}

refused
black_hole
resets
reset_while_dialing
few_descriptors
