#!/bin/sh
# A million lines of common programs received as messages, and as many messages of ours read by them
# as lines: over tcp and unix, with both ends of a line, by calls that wait and by a poller.
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/tests

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need cmp nc sed seq socat timeout

# A million take a second or less in the plain build. Every other combination gets a part of them.
million=1000000
part=100000
if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    million=50000
    part=10000
elif ! grep -qs 'CMAKE_C_COMPILER:[A-Z]*=.*gcc' "$build/CMakeCache.txt" ||
    grep -qs 'CMAKE_C_FLAGS:[A-Z]*=.*-O0' "$build/CMakeCache.txt"; then
    million=$part
fi

# said_to SENDER ADDRESS: it sends there what it reads.
said_to() {
    where=${2#*://}
    case $1,$2 in
    nc,*unix*) nc -N -U "$where" ;;
    nc,*) nc -N "${where%:*}" "${where##*:}" ;;
    socat,*unix*) socat -u - "UNIX-CONNECT:$where" ;;
    socat,*) socat -u - "TCP4:$where" ;;
    esac
}

# received READER SENDER ADDRESS END COUNT: every line is a message, then the end comes.
received() {
    start_reader "$bin/messages_$1" "$3"
    seq "$5" | sed "s/\$/$4/" | said_to "$2" "$address" || fail "$2 failed"
    reader_got "$5" "$1 of $2 at $3"
}

# over NAME ADDRESS: both senders, both readers, both ends of a line; and hardly a queue.
over() {
    received count socat "$2?frame=line" '' "$million"
    received count_by_poller nc "$2?frame=line" '' "$million"
    received count nc "$2?frame=line" '\r' "$part"
    received count_by_poller socat "$2?frame=line" '\r' "$part"
    received count nc "$2?frame=line&queue=1&max=16" '' "$part"
    ok "$million lines from socat and nc over $1"
}

# read_by READER WIRE SCRIPT COMMAND...: it says where it listens, and gets COUNT lines of ours.
read_by() {
    name=$1
    scheme=$2
    script=$3
    shift 3
    rm -f "$work/lines" "$work/listener.err"
    "$@" </dev/null >"$work/lines" 2>"$work/listener.err" &
    listener=$!
    running="$running $listener"
    is_listening() {
        found=$(sed -n "$script" "$work/listener.err" 2>/dev/null | head -n 1)
        [ -n "$found" ]
    }
    until_true is_listening
    within "$bin/messages_say" "$scheme$found?frame=line" "$million" || fail "say to $name"
    until_true has_ended "$listener"
    forget "$listener"
    cmp -s "$work/numbers" "$work/lines" || fail "$name over $scheme got other lines"
    ok "$million lines to $name over ${scheme%%:*}"
}

over tcp framed+tcp://127.0.0.1:0
over unix "framed+unix://$work/socket"

seq "$million" >"$work/numbers"
read_by socat framed+tcp://127.0.0.1: 's/.* listening on .*:\([0-9]*\)$/\1/p' \
    socat -d -d -u TCP4-LISTEN:0,bind=127.0.0.1 STDOUT
read_by nc framed+tcp://127.0.0.1: 's/^Listening on .* \([0-9]*\)$/\1/p' nc -N -nlv 127.0.0.1 0
read_by socat framed+unix:// "s|.* listening on .*\"\($work/listener\)\".*|\1|p" \
    socat -d -d -u "UNIX-LISTEN:$work/listener" STDOUT
