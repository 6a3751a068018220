#!/bin/sh
# The example `relay` between ends that send for long, receive late, or finish first. Both
# half-closes pass. An end that does not read costs no memory and does not delay others. Nothing
# spins, the counters are right, and SIGTERM lets calls finish.
set -eu

# shellcheck source=tests/support/relay.sh
. "$(dirname "$0")/../support/relay.sh"
need awk getconf ip

# ---- One half-close before the other ----

half_close() {
    scene="half-close"
    start_listening target "$peer" listen recv:3000 end say:ended "until:$work/answer" send:70000 \
        shut gone
    target=$started
    start_relay tcp://127.0.0.1:0 "$address"
    start caller "$peer" "$port" send:3000 shut recv:70000 end
    said target ended
    stays_idle "the caller has finished, the target has not"
    : >"$work/answer"
    ended_well "$started" "$target"

    rm "$work/answer"
    start_listening target "$peer" listen send:70000 shut say:ended recv:3000 end
    target=$started
    stop_relay
    start_relay tcp://127.0.0.1:0 "$address"
    start caller "$peer" "$port" recv:70000 end say:ended "until:$work/answer" send:3000 shut
    said caller ended
    stays_idle "the target has finished, the caller has not"
    : >"$work/answer"
    ended_well "$started" "$target"
    open_are 0
    stop_relay
    rm "$work/answer"
    ok "either end may finish first, and is still spoken to"
}

# ---- An end that does not read ----

offered=419430400 # 400 MiB; the system's buffers hold some megabytes

# never_reads: one end, the caller or the target, offers what the other does not read; in the end it
# is read.
never_reads() { # OFFERER READER
    scene="$1 offers, $2 does not read"
    reading="until:$work/read drink"
    offering="offer:$offered until:$work/read shut gone"
    rm -f "$work/read"
    steps=$offering
    [ "$1" = target ] || steps=$reading
    # shellcheck disable=SC2086 # steps are words
    start_listening target "$peer" listen $steps
    target=$started
    start_relay tcp://127.0.0.1:0 "$address"
    kilobytes=$(memory_of "$relay")
    steps=$offering
    [ "$1" = caller ] || steps=$reading
    # shellcheck disable=SC2086
    start caller "$peer" "$port" $steps
    said "$1" taken
    taken=$(sed -n 's/^taken //p' "$work/$1.out")
    [ "$taken" -lt $((offered / 2)) ] || fail "$taken bytes are taken, and nobody reads"
    grown=$(($(memory_of "$relay") - kilobytes))
    [ $grown -lt 3072 ] || fail "$scene: memory grows by $grown KiB"
    stays_idle "$scene"
    : >"$work/read"
    ended_well "$started" "$target"
    grep -qx "heard $taken" "$work/$2.out" || fail "taken $taken; $(cat "$work/$2.out")"
    stop_relay
    ok "$1 offers, and $2 does not read: $taken bytes wait, memory grows by $grown KiB"
}

# One end does not read, and others are served all the time.
others_are_served_beside_it() {
    scene="a stuck call among others"
    start_listening server "$bin/echo_server" tcp://127.0.0.1:0
    server=$started
    start_relay tcp://127.0.0.1:0 "$address"
    start stuck "$peer" "$port" offer:$offered "until:$work/enough"
    stuck=$started
    said stuck taken
    for i in 1 2 3; do
        start "talker$i" "$peer" "$port" ping:1000 shut end
        ended_well "$started"
    done
    ! has_ended "$stuck" || fail "it is not stuck: nothing is shown"
    : >"$work/enough"
    ended_well "$stuck"
    open_are 0
    stop_relay
    stop "$server"
    ok "three others are served beside it"
}

# ---- Signals ----

count_bytes() {
    scene="counters"
    start_listening target "$peer" listen recv:1000 send:70000 say:here "until:$work/go" gone
    target=$started
    start_relay tcp://127.0.0.1:0 "$address"
    start caller "$peer" "$port" send:1000 recv:70000 say:here "until:$work/go" shut end
    said caller here
    said target here
    counters
    grep -Eqx 'relay: tcp://127.0.0.1:[0-9]+ open: 1000 of 1000 bytes there, 70000 of 70000 back' \
        "$work/counters" || fail "wrong counters: $(cat "$work/counters")"
    grep -qx 'relay: 1 open, 1 taken' "$work/counters" || fail "$(cat "$work/counters")"
    : >"$work/go"
    ended_well "$started" "$target"
    open_are 0
    stop_relay
    rm "$work/go"
    ok "SIGUSR1 prints what was carried"
}

many_signals() {
    scene="signals"
    start_listening target "$peer" listen recv:268435456 end send:268435456 shut
    target=$started
    start_relay tcp://127.0.0.1:0 "$address"
    start caller "$peer" "$port" send:268435456 shut recv:268435456 end
    signals=0
    while ! has_ended "$started" && [ $signals -lt 20000 ]; do
        kill -USR1 "$relay"
        sleep 0.001
        signals=$((signals + 1))
    done
    ended_well "$started" "$target"
    open_are 0
    stop_relay
    ok "256 MiB there and back under $signals signals"
}

refuses() {
    ! "$peer" "$port" 2>/dev/null
}

drain() {
    scene="SIGTERM"
    start_listening target "$peer" listen recv:2000000 end send:2000000
    target=$started
    start_relay tcp://127.0.0.1:0 "$address" 60
    start caller "$peer" "$port" send:1000000 say:half "until:$work/go" send:1000000 shut \
        recv:2000000 end
    said caller half
    kill "$relay"
    until_true refuses
    kill "$relay" || fail "the relay has ended, and the call has not" # otherwise this changes nothing
    ! has_ended "$relay" || fail "the relay ends before the call does"
    : >"$work/go"
    ended_well "$started" "$target" "$relay"
    ! grep -q 'cut off' "$work/relay.err" || fail "a call was cut off"

    start_listening target "$peer" listen gone
    target=$started
    start_relay tcp://127.0.0.1:0 "$address" 1
    start caller "$peer" "$port" send:10 gone
    open_are 1
    kill "$relay"
    ended_well "$relay" "$started" "$target"
    [ "$(grep -c 'cut off' "$work/relay.err")" -eq 1 ] || fail "the relay does not say which call it cut off"
    ok "SIGTERM takes no more calls, lets them finish, and cuts off those that do not"
}

half_close
never_reads caller target
never_reads target caller
others_are_served_beside_it
count_bytes
many_signals
drain
