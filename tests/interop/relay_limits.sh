#!/bin/sh
# The example `relay` and its limits: a number that is none, callers that are silent, and more
# callers than it may have.
set -eu

# shellcheck source=tests/support/relay.sh
. "$(dirname "$0")/../support/relay.sh"
need awk getconf ip

numbers() {
    for arguments in '10x' ' 10' '+10' '-1' '0' '' '1e3' '99999999999999999999' '10 11'; do
        status=0
        # shellcheck disable=SC2086 # '10 11' are two words
        case $arguments in
        *' 11') timeout --foreground 10 "$bin/relay" mem://a mem://b $arguments ;;
        *) timeout --foreground 10 "$bin/relay" mem://a mem://b "$arguments" ;;
        esac >"$work/usage.out" 2>"$work/usage.err" || status=$?
        [ $status -eq 2 ] || fail "relay with '$arguments' ends with $status"
        grep -q '^usage: relay' "$work/usage.err" || fail "relay with '$arguments': no usage"
        for option in -i -n; do
            status=0
            timeout --foreground 10 "$bin/relay" "$option" "$arguments" mem://a mem://b 2>/dev/null || status=$?
            [ $status -eq 2 ] || fail "relay $option '$arguments' ends with $status"
        done
    done
    ok "a number is digits, or the usage is printed"
}

# For longer than the limit one caller says nothing, and one speaks now and then.
silent_callers() {
    scene="silent callers"
    start_listening server "$bin/echo_server" tcp://127.0.0.1:0
    server=$started
    start_relay -i 3 tcp://127.0.0.1:0 "$address" 5
    begun=$(date +%s%N)
    start silent "$peer" "$port" cut
    silent=$started
    pings=
    ticks='1 2 3 4 5 6 7 8 9 10'
    for tick in $ticks; do
        pings="$pings ping:1 until:$work/tick$tick"
    done
    # shellcheck disable=SC2086 # steps are words
    start speaker "$peer" "$port" $pings shut end
    speaker=$started
    for tick in $ticks; do
        sleep 0.4
        : >"$work/tick$tick"
    done &
    running="$running $!"
    ended_well "$silent"
    [ "$(grep -c silent "$work/relay.err")" -eq 1 ] || fail "more than one is silent"
    took=$((($(date +%s%N) - begun) / 1000000))
    [ $took -ge 2900 ] || fail "cut off after $took ms"
    ended_well "$speaker"
    grep -q '^relay: tcp://.*: is silent$' "$work/relay.err" || fail "no good sentence"
    open_are 0
    stays_idle "$scene"
    stop_relay
    stop "$server"
    ok "a silent caller is cut off after $took ms of 3000, one that speaks is not"
}

# Four callers and two places: two wait in the system, and are served when the first leave.
few_places() {
    scene="more callers than places"
    start_listening server "$bin/echo_server" tcp://127.0.0.1:0
    server=$started
    start_relay -n 2 tcp://127.0.0.1:0 "$address" 600
    callers=
    for caller in 1 2 3 4; do
        start "caller$caller" "$peer" "$port" ping:1 say:served "until:$work/enough$caller" shut end
        callers="$callers $started"
        [ "$caller" -gt 2 ] || said "caller$caller" served
    done
    open_are 2
    stays_idle "$scene"
    ! cat "$work/caller3.out" "$work/caller4.out" | grep -q . || fail "more are served than may be"
    : >"$work/enough1"
    until_true grep -qs served "$work/caller3.out" "$work/caller4.out"
    open_are 2
    for caller in 2 3 4; do
        : >"$work/enough$caller"
    done
    # shellcheck disable=SC2086 # pids are words
    ended_well $callers
    open_are 0
    stop_relay
    stop "$server"
    ok "callers without a place wait for one"
}

numbers
silent_callers
few_places
