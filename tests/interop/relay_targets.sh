#!/bin/sh
# The example `relay` with targets that refuse, do not answer, or come back: the others are served
# on time, every caller learns the result, and nothing spins.
set -eu

# shellcheck source=tests/support/relay.sh
. "$(dirname "$0")/../support/relay.sh"
need awk getconf ip nc timeout

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
    stays_idle "nobody calls"
    stop_relay
    ok "a caller whose target refuses is told at once"
}

# One caller reaches the target through the relay, another dials it directly and fills its queue.
# Later dials get no answer.
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
    start filler "$peer" "$target_port" say:in "until:$work/over"
    filler=$started
    said filler in
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
    stays_idle "ten dials that nobody answers"
    # shellcheck disable=SC2086 # pids are words
    ended_well $callers
    [ "$(grep -c 'does not answer in time' "$work/relay.err")" -eq 10 ] ||
        fail "the relay does not say ten times that the target does not answer"
    open_are 1
    : >"$work/over"
    ended_well "$talker" "$filler" "$target"
    open_are 0
    stop_relay
    ok "beside ten dials that nobody answers a talk goes on; its slowest word takes $slowest ms"
}

# While there is no target, datagrams are lost. Those that are sent once it is there are not.
datagrams_to_nobody() {
    scene="datagrams to nobody"
    start_listening server "$bin/echo_server" udp://127.0.0.1:0
    stop "$started"
    target=$address
    start_relay udp://127.0.0.1:0 "$target" 1
    {
        echo one
        until_true test -e "$work/somebody"
        echo two
    } | within nc -u -n 127.0.0.1 "$port" >"$work/heard" 2>"$work/nc.err" &
    caller=$!
    running="$running $caller"
    open_are 1
    stays_idle "$scene"
    start_listening server "$bin/echo_server" "$target"
    server=$started
    : >"$work/somebody"
    until_true grep -qs two "$work/heard"
    open_are 1
    stop "$caller"
    stop_relay
    stop "$server"
    ok "datagrams that are refused end nothing"
}

# Long before any deadline of the dial. The caller has sent nothing: sent bytes would stay in the
# buffer until then, and the relay sees the end of a caller only when it reads from it.
reset_while_dialing() {
    scene="a caller resets while its target is dialed"
    start_listening target "$peer" listen "until:$work/done"
    target=$started
    start filler "$peer" "$port"
    ended_well "$started"
    start filler "$peer" "$port" say:in "until:$work/done"
    filler=$started
    said filler in
    start_relay tcp://127.0.0.1:0 "$address" 600
    start caller "$peer" "$port" "until:$work/dialing" reset
    until_true counted ' dialing: ' 1
    : >"$work/dialing"
    ended_well "$started"
    open_are 0
    stays_idle "$scene"
    : >"$work/done"
    ended_well "$filler" "$target"
    stop_relay
    ok "a caller that resets while its target is dialed is forgotten at once"
}

refused
black_hole
reset_while_dialing
datagrams_to_nobody
