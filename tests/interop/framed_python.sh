#!/bin/sh
# Thousands of messages of 0 to 70,000 bytes to Python and back, whose frames are struct.pack and a
# netstring written by hand: it dials and it listens, over tcp and unix.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/tests
peer=$(dirname "$0")/messages/peer.py

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need python3 timeout

messages=4000
[ -z "${NETFACADE_SANITIZE:-}" ] || messages=1000

# they_dial SCHEME FRAME PLACE: ours listens.
they_dial() {
    rm -f "$work/echo.err"
    within "$bin/messages_echo" -l "$1://$3?frame=$2" >"$work/echo.out" 2>"$work/echo.err" &
    echo=$!
    running="$running $echo"
    until_true grep -qs '^listening on ' "$work/echo.err"
    place=$(sed -n 's|^listening on [^:]*://||p' "$work/echo.err")
    within python3 "$peer" dial "$2" "$place" $messages >"$work/peer.out" 2>"$work/peer.err" ||
        fail "Python dials $1, $2"
    finished "$1" "$2"
    ok "Python dials $1, $2"
}

they_listen() {
    rm -f "$work/peer.out"
    within python3 "$peer" listen "$2" "$3" $messages >"$work/peer.out" 2>"$work/peer.err" &
    python=$!
    running="$running $python"
    until_true grep -qs '^listening on ' "$work/peer.out"
    place=$(sed -n 's/^listening on //p' "$work/peer.out")
    within "$bin/messages_echo" "$1://$place?frame=$2" >"$work/echo.out" 2>"$work/echo.err" &
    echo=$!
    running="$running $echo"
    wait $python || fail "Python listens for $1, $2"
    forget $python
    finished "$1" "$2"
    ok "Python listens for $1, $2"
}

# finished SCHEME FRAME: all came back equal, and ours has seen the end behind the last.
finished() {
    wait $echo || fail "the echo over $1, $2 says $(cat "$work/echo.out")"
    forget $echo
    grep -qx "$messages equal" "$work/peer.out" || fail "$1, $2: $(cat "$work/peer.out")"
    [ "$(cat "$work/echo.out")" = "$messages, end" ] || fail "$1, $2: $(cat "$work/echo.out")"
}

for frame in u16 u32 netstring; do
    they_dial framed+tcp $frame 127.0.0.1:0
    they_listen framed+tcp $frame 127.0.0.1:0
done
they_dial framed+unix u32 "$work/ours"
they_listen framed+unix u32 "$work/theirs"
