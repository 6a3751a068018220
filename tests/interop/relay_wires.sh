#!/bin/sh
# The example `relay` between wires of every kind: tcp, udp, unix and unixgram, by path and by
# abstract name, with callers and targets that do not use netfacade; and messages over tcp. What
# holds for tcp also holds if a part of the way is unix: every byte arrives, and each half-close by
# itself.
set -eu

TMPDIR=/tmp # the path of a socket is short
export TMPDIR

# shellcheck source=tests/support/relay.sh
. "$(dirname "$0")/../support/relay.sh"
need awk cmp getconf ip logger mkfifo nc prlimit redis-benchmark redis-cli redis-server sha256sum \
    socat timeout

# end PID...: end them at once, even with open connections.
end() {
    for each in "$@"; do
        kill -KILL "$each"
        ended "$each"
    done
}

# talk ENDS PROGRAM...: the program gets two lines, one after the other, and receives each back. If
# ENDS is yes, it then receives the end too. It reads a pipe that it does not hold open itself.
talk() {
    ends=$1
    shift
    rm -f "$work/mouth" "$work/me"
    mkfifo "$work/mouth"
    exec 3<>"$work/mouth"
    # shellcheck disable=SC2016 # the inner shell expands it
    start talker sh -c 'exec "$@" <"$0" 3>&-' "$work/mouth" "$@"
    talker=$started
    for line in one 'and two'; do
        echo "$line" >&3
        until_true grep -qsxF "$line" "$work/talker.out"
    done
    exec 3>&-
    if [ "$ends" = yes ]; then
        ended_well "$talker"
    else
        end "$talker"
    fi
    printf 'one\nand two\n' | cmp -s - "$work/talker.out" ||
        fail "$scene: $(cat "$work/talker.out")"
}

# call KIND ADDRESS ENDS: by a client of that kind of wire.
call() {
    where=${2#*://}
    case $1 in
    tcp) talk "$3" nc -N -n 127.0.0.1 "${2##*:}" ;;
    unix) talk "$3" nc -N -U "$where" ;;
    unix@) talk "$3" socat -t 60 STDIO "ABSTRACT-CONNECT:${where#@}" ;;
    udp) talk no nc -u -n 127.0.0.1 "${2##*:}" ;;
    framed) talk "$3" "$bin/netcat" "$2" ;;
    unixgram) talk no nc -u -U -s "$work/me" "$where" ;;
    unixgram@) talk no socat STDIO "ABSTRACT-SENDTO:${where#@},bind=caller" ;;
    esac
}

# door KIND NAME: an address to listen on.
door() {
    case $1 in
    tcp | udp) echo "$1://127.0.0.1:0" ;;
    framed) echo framed+tcp://127.0.0.1:0 ;;
    *@) echo "${1%@}://@" ;;
    *) echo "$1://$work/$2" ;;
    esac
}

# talks_in_datagrams KIND
talks_in_datagrams() {
    case $1 in
    udp | unixgram*) true ;;
    *) false ;;
    esac
}

# any_to KIND ADDRESS: from every kind of wire. The relay is killed, as in a crash, and leaves its
# socket's file behind. The next one takes it over.
any_to() {
    target_address=$2
    for from in tcp unix unix@ framed udp unixgram unixgram@; do
        scene="$from to $1"
        start_relay "$(door $from front)" "$target_address" 600
        relay_address=$address
        ends=yes
        ! talks_in_datagrams "$1" || ends=no
        call $from "$relay_address" $ends
        end "$relay"
    done
    ok "any wire to $1"
}

# ours KIND: start an echo_server. theirs KIND: start one made by socat.
ours() {
    start_listening server "$bin/echo_server" "$(door "$1" back)"
    server=$started
    any_to "$1" "$address"
    stop "$server"
}

theirs() {
    rm -f "$work/back"
    option=UNIX-LISTEN
    [ "$1" = unix ] || option=UNIX-RECVFROM
    start server socat -t 60 "$option:$work/back,fork" EXEC:cat # over datagrams `cat` gets the end
    server=$started
    until_true test -S "$work/back"
    any_to "$1" "$1://$work/back"
    stop "$server"
    rm -f "$work/back"
}

# ---- There and back ----

# chain SCHEME MIDDLE TARGET [OPTIONS]: two relays. SCHEME leads to a socket of scheme MIDDLE, and
# that to TARGET. The first listens at $address, with $port.
chain() {
    start_listening second "$bin/relay" "$2://$work/middle${4-}" "$3" 600
    second=$started
    start_relay "$1://127.0.0.1:0${4-}" "$address" 600
}

# Both have no calls any more, and end with status 0.
unchain() {
    open_are 0
    stop_relay
    kill "$second"
    ended_well "$second"
    [ ! -e "$work/middle" ] || fail "$scene: the socket's file is still there"
}

half_closes() {
    scene="half-closes over unix"
    start_listening target "$peer" listen recv:3000 end say:ended "until:$work/answer" send:70000 \
        shut gone
    target=$started
    chain tcp unix "$address"
    start caller "$peer" "$port" send:3000 shut recv:70000 end
    said target ended
    stays_idle "the caller has finished, the target has not"
    : >"$work/answer"
    ended_well "$started" "$target"
    unchain

    rm "$work/answer"
    start_listening target "$peer" listen send:70000 shut say:ended recv:3000 end
    target=$started
    chain tcp unix "$address"
    start caller "$peer" "$port" recv:70000 end say:ended "until:$work/answer" send:3000 shut
    said caller ended
    stays_idle "the target has finished, the caller has not"
    : >"$work/answer"
    ended_well "$started" "$target"
    unchain
    ok "either end may finish first, also where a part of the way is unix"
}

# From framed+tcp over framed+unix to tcp, and in the other direction.
messages_have_an_end() {
    scene="half-closes of messages"
    head -c 3000000 /dev/urandom >"$work/much"
    start_listening target "$peer" listen drink say:ended "until:$work/answer" send:70000
    target=$started
    chain framed+tcp framed+unix "$address"
    # shellcheck disable=SC2016 # the inner shell expands it
    start caller sh -c 'exec "$@" <"$0"' "$work/much" "$bin/netcat" "$address"
    said target ended
    stays_idle "the caller has finished, the target has not"
    : >"$work/answer"
    ended_well "$started" "$target"
    grep -qx 'heard 3000000' "$work/target.out" || fail "$scene: $(cat "$work/target.out")"
    [ "$(wc -c <"$work/caller.out")" -eq 70000 ] || fail "$scene: the late answer is lost"
    unchain

    start keeper "$bin/netcat" -l 'framed+tcp://127.0.0.1:0?rcvbuf=4KiB'
    keeper=$started
    until_true grep -qs '^listening on ' "$work/keeper.err"
    chain tcp framed+unix "$(sed -n 's/^listening on //p' "$work/keeper.err")?sndbuf=4KiB"
    within nc -N -n 127.0.0.1 "$port" <"$work/much" || fail "$scene: nc"
    ended_well "$keeper"
    cmp -s "$work/much" "$work/keeper.out" || fail "$scene: something else arrives"
    unchain

    # The target has ended, and does not take all of the last message at once.
    printf '\000\000\352\140' >"$work/last"
    head -c 60000 "$work/much" | tee "$work/words" >>"$work/last"
    start keeper "$bin/netcat" -l 'framed+tcp://127.0.0.1:0?rcvbuf=4KiB'
    keeper=$started
    until_true grep -qs '^listening on ' "$work/keeper.err"
    start_relay framed+tcp://127.0.0.1:0 \
        "$(sed -n 's/^listening on //p' "$work/keeper.err")?sndbuf=4KiB" 600
    within nc -N -n 127.0.0.1 "$port" <"$work/last" || fail "$scene: nc, a message"
    ended_well "$keeper"
    cmp -s "$work/words" "$work/keeper.out" || fail "$scene: another message arrives"
    stop_relay
    rm "$work/answer" "$work/much" "$work/last" "$work/words"
    ok "an end passes from messages to a stream and back, and an answer after it arrives"
}

# Two bytes, and then 70,000. The target must not take the two for all.
too_long_a_message() {
    scene="too long a message"
    printf '\000\000\000\002hi\000\001\021\160' >"$work/long"
    head -c 70000 /dev/zero >>"$work/long"
    start_listening target "$peer" listen cut
    target=$started
    start_relay framed+tcp://127.0.0.1:0 "$address" 600
    # shellcheck disable=SC2016 # the inner shell expands it
    start caller sh -c 'exec nc -n 127.0.0.1 "$1" <"$2"' sh "$port" "$work/long"
    ended_well "$target"
    ended "$started"
    grep -q '^relay: .*a message of 70000 bytes' "$work/relay.err" ||
        fail "$scene: no good sentence: $(cat "$work/relay.err")"
    open_are 0
    stop_relay
    rm "$work/long"
    ok "a message that does not fit cuts off its call"
}

# From tcp over unix to tcp: a hundred mebibytes there, ten of them back at the same time.
transfer() {
    scene="a transfer over unix"
    head -c 104857600 /dev/urandom >"$work/there"
    head -c 10485760 "$work/there" >"$work/back"
    within socat -d -d -t 60 TCP4-LISTEN:0,bind=127.0.0.1 STDIO <"$work/back" \
        2>"$work/listener.err" | sha256sum >"$work/heard_there" &
    receiver=$!
    running="$running $receiver"
    until_true grep -qs ' listening on ' "$work/listener.err"
    chain tcp unix "tcp://$(sed -n 's/.* listening on AF=2 //p' "$work/listener.err")"
    within nc -N -n 127.0.0.1 "$port" <"$work/there" | sha256sum >"$work/heard_back"
    ended_well "$receiver"
    sha256sum <"$work/there" | cmp -s - "$work/heard_there" || fail "there comes something else"
    sha256sum <"$work/back" | cmp -s - "$work/heard_back" || fail "back comes something else"
    unchain
    rm "$work/there" "$work/back"
    ok "from tcp over unix to tcp, a hundred mebibytes arrive, and ten come back beside them"
}

# From udp over unixgram to udp: each datagram stays one. `socat` ends at an empty one, which comes
# back too.
datagrams_stay() {
    scene="datagrams over unixgram"
    start_listening server "$bin/echo_server" udp://127.0.0.1:0
    server=$started
    chain udp unixgram "$address" '?idle=2s'
    for size in 1 1200 9000 65000; do
        head -c $size /dev/urandom >"$work/one"
        within socat -b 65536 -t 60 - "UDP4:127.0.0.1:$port,shut-null" <"$work/one" >"$work/heard"
        cmp -s "$work/one" "$work/heard" || fail "a datagram of $size bytes is not one any more"
    done
    unchain # they have been silent for two seconds
    stop "$server"
    ok "datagrams stay as they are, also empty and large ones"
}

# ---- Resets ----

# Over unix the kernel reports a reset only while something that the peer sent is unread. Otherwise
# the peer sees an end, and the relay says so.
resets() {
    scene="a reset passes to unix"
    head -c 16777216 /dev/zero >"$work/much"
    start_listening target "$peer" listen "until:$work/go" reset
    target=$started
    start_relay "unix://$work/front" "$address" 600
    # shellcheck disable=SC2016 # the inner shell expands it
    start caller sh -c 'exec "$@" <"$0"' "$work/much" "$bin/netcat" "unix://$work/front"
    caller=$started
    sleeps() {
        sed 's/.*) //' "/proc/$1/stat" | grep -q '^S'
    }
    # As much is on its way as the system and the relay take: nothing moves, and the reason is not a
    # busy processor.
    is_stuck() {
        counters
        cmp -s "$work/counters" "$work/before" && sleeps "$caller" && sleeps "$relay" && return 0
        cp "$work/counters" "$work/before"
        false
    }
    until_true counted ' open: [1-9]' 1
    until_true is_stuck
    : >"$work/go"
    ended "$caller"
    [ $status -eq 1 ] || fail "$scene: the caller ends with $status"
    grep -q '^netcat: .*: reset' "$work/caller.err" || fail "$scene: $(cat "$work/caller.err")"
    ended_well "$target"
    ! grep -q "unix://.*not supported" "$work/relay.err" || fail "$scene: $(cat "$work/relay.err")"
    open_are 0

    stop_relay
    rm "$work/go" "$work/much" "$work/before"

    scene="a reset that unix cannot say"
    start_listening target "$peer" listen "until:$work/go" reset
    target=$started
    start_relay "unix://$work/front" "$address" 600
    rm -f "$work/mouth"
    mkfifo "$work/mouth"
    exec 3<>"$work/mouth"
    # shellcheck disable=SC2016 # the inner shell expands it
    start caller sh -c 'exec "$@" <"$0" 3>&-' "$work/mouth" "$bin/netcat" "unix://$work/front"
    caller=$started
    open_are 1
    : >"$work/go"
    ended_well "$target"
    open_are 0
    grep -q "close .*: not supported" "$work/relay.err" || fail "$scene, and it does not say so"
    exec 3>&-
    ended_well "$caller"
    stop_relay
    rm "$work/go" "$work/mouth"
    ok "a reset passes to unix while it can, and is told where it cannot"
}

# ---- Real use ----

# logger(1) has no name. What it sends is passed on, and the answer is lost. Other callers do not
# notice.
log() {
    scene="callers without a name"
    start nc nc -u -nlv 127.0.0.1 0
    server=$started
    until_true grep -qs '^Bound on' "$work/nc.err"
    start_relay "unixgram://$work/log" \
        "udp://127.0.0.1:$(sed -n 's/^Bound on .* \([0-9]*\)$/\1/p' "$work/nc.err")" 600
    within logger -d -u "$work/log" 'the first word' || fail "logger"
    until_true grep -qs 'the first word' "$work/nc.out"
    within logger -d -u "$work/log" 'and another' || fail "logger, once more"
    until_true grep -qs 'and another' "$work/nc.out"
    end "$relay" "$server"

    start_listening server "$bin/echo_server" udp://127.0.0.1:0
    server=$started
    start_relay "unixgram://$work/log" "$address" 600
    for word in one two three; do
        within logger -d -u "$work/log" $word || fail "logger, answered"
    done
    call unixgram "$address" no
    open_are 2 # all callers without a name count as one
    end "$relay"
    stop "$server"
    rm -f "$work/log"
    ok "logger's words are passed on to udp, and an answer to it harms nobody"
}

redis() {
    scene=redis
    start redis redis-server --port 0 --unixsocket "$work/redis" --dir "$work" --save "" \
        --appendonly no --daemonize no
    redis=$started
    start_relay tcp://127.0.0.1:0 "unix://$work/redis"
    pong() {
        [ "$(within redis-cli "$@" ping 2>/dev/null)" = PONG ]
    }
    until_true pong -h 127.0.0.1 -p "$port" # before that, the target is not there yet
    within redis-benchmark -h 127.0.0.1 -p "$port" -n 3000 -c 30 -P 4 -t set,get -q \
        >"$work/benchmark.out" 2>"$work/benchmark.err" || fail "redis-benchmark over tcp"
    [ "$(tr '\r' '\n' <"$work/benchmark.out" | grep -c 'requests per second')" -ge 2 ] ||
        fail "redis-benchmark: $(cat "$work/benchmark.out")"
    open_are 0
    stop_relay
    start_relay "unix://$work/front" "unix://$work/redis"
    pong -s "$work/front" || fail "redis-cli over unix"
    awk 'BEGIN { for (i = 0; i < 20000; i++) printf "INCR sum\r\n" }' |
        within redis-cli -s "$work/front" --pipe >"$work/pipe" || fail "redis-cli --pipe"
    grep -q 'errors: 0, replies: 20000' "$work/pipe" || fail "$(cat "$work/pipe")"
    open_are 0
    stop_relay
    stop "$redis"
    ok "redis-server on a unix socket serves redis-benchmark over tcp, and redis-cli over unix"
}

# ---- Targets that are not there ----

nobody() {
    scene="nobody is there"
    start_relay tcp://127.0.0.1:0 "unix://$work/nobody" 600
    front=$address
    within "$peer" "$port" gone >"$work/talk" || fail "the caller is not told"
    grep -q ": connect unix://$work/nobody: refused" "$work/relay.err" ||
        fail "no good sentence: $(cat "$work/relay.err")"
    start_listening server "$bin/echo_server" "unix://$work/nobody"
    server=$started
    call tcp "$front" yes
    stop "$server"
    open_are 0
    stop_relay

    start_relay tcp://127.0.0.1:0 mem://nobody 600
    within "$peer" "$port" gone >"$work/talk" || fail "the caller is not told"
    grep -q ': connect mem://nobody: refused' "$work/relay.err" ||
        fail "no good sentence: $(cat "$work/relay.err")"
    open_are 0
    stop_relay
    ok "a caller whose target is not there is told at once, and the next one is served"
}

# Before the first dial the relay does not know its target. Until then, what a stream sends goes in
# datagrams that fit every path: one over 1200 bytes would arrive truncated.
no_descriptor_for_the_first_dial() {
    scene="no descriptor for the first dial"
    head -c 60000 /dev/urandom >"$work/much"
    start server socat -u -b 1200 "UNIX-RECV:$work/socket" "CREATE:$work/heard"
    server=$started
    until_true test -S "$work/socket"
    start_relay tcp://127.0.0.1:0 "unixgram://$work/socket" 600
    free=0
    while [ -e "/proc/$relay/fd/$free" ]; do
        free=$((free + 1))
    done
    prlimit --pid "$relay" --nofile=$((free + 1)): # one descriptor is left, and the caller takes it
    # shellcheck disable=SC2016 # the inner shell expands it
    start caller sh -c 'exec nc -n 127.0.0.1 "$1" <"$2"' sh "$port" "$work/much"
    caller=$started
    until_true counted ' dialing: 0 of [1-9]' 1
    prlimit --pid "$relay" --nofile=1024:
    until_true cmp -s "$work/much" "$work/heard"
    end "$caller" "$relay" "$server"
    rm -f "$work/socket"
    ok "what a stream says before the first dial is cut into datagrams as well"
}

for kind in tcp udp unix unix@ framed unixgram unixgram@; do
    ours $kind
done
theirs unix
theirs unixgram
half_closes
messages_have_an_end
too_long_a_message
transfer
datagrams_stay
resets
log
redis
nobody
no_descriptor_for_the_first_dial
