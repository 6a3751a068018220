#!/bin/sh
# The example `guarded_server` under fire: made-up senders take no place, and get fewer bytes than
# they sent. A caller that is really at its address gets in, over IPv4 and IPv6.
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/examples
spoof=$build/tests/spoof

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need ip timeout

listens() {
    grep -q '^listening on ' "$work/server.out" 2>/dev/null
}

# serve PROGRAM ADDRESS: start it. Its port is $port.
serve() {
    rm -f "$work/server.out"
    "$bin/$1" "$2" >"$work/server.out" 2>"$work/server.err" &
    server=$!
    running="$running $server"
    until_true listens
    address=$(sed -n 's/^listening on //p' "$work/server.out")
    port=${address##*:}
}

stop() {
    kill "$server"
    wait "$server" 2>/dev/null || :
}

# called HOST WORD: the caller receives its word back.
called() {
    timeout 60 "$bin/guarded_server" --call "udp://$1:$port" "$2" >"$work/heard" \
        2>"$work/caller.err" || fail "a caller at $1 does not get in"
    [ "$(cat "$work/heard")" = "$2" ] || fail "instead of '$2', $1 echoes '$(cat "$work/heard")'"
}

# fired NAME: check what a finished `spoof` printed: the answers have less than half of the bytes.
fired() {
    read -r _ sent _ heard <"$work/$1.out" || fail "nothing was fired"
    [ $((heard * 2)) -lt "$sent" ] || fail "told $heard bytes for $sent"
}

# One place, twenty thousand made-up senders before the caller, and as many at the same time.
serve guarded_server 'udp://127.0.0.1:0?peers=1'
"$spoof" "$port" 20000 >"$work/before.out" 2>"$work/before.err" || fail "spoof"
fired before
[ "$heard" -gt 0 ] || fail "no made-up sender was told anything: nothing is shown"
"$spoof" "$port" 20000 >"$work/beside.out" 2>"$work/beside.err" &
flood=$!
called 127.0.0.1 'a word of mine'
wait "$flood" || fail "spoof"
fired beside
stop
echo "passed: 40000 made-up senders take no place, and hear $heard bytes for $sent"

# The next caller tries until the first has been silent for long enough.
serve guarded_server 'udp://127.0.0.1:0?peers=1&idle=1s'
called 127.0.0.1 first
called 127.0.0.1 second
stop
echo "passed: a place is free again after the peer that had it was silent"

# A text as long as a hello, one as long as a cookie, an empty one, every family.
serve guarded_server 'udp://*:0'
hosts=127.0.0.1
[ ! -e /proc/net/if_inet6 ] || ! grep -q '^0\{31\}1 ' /proc/net/if_inet6 || hosts='127.0.0.1 [::1]'
for host in $hosts 127.0.0.2; do
    for word in hello 8letters 'just as many characters as hello' ''; do
        called "$host" "$word"
    done
done
stop
echo "passed: words of every length, at $hosts 127.0.0.2"

# It also talks with an ordinary echo server, which is not guarded.
serve echo_server udp://127.0.0.1:0
called 127.0.0.1 'to an open door'
stop

# No server; and a wire that carries no datagrams.
status=0
timeout 60 "$bin/guarded_server" --call "udp://127.0.0.1:$port" 2>"$work/none.err" || status=$?
[ $status -eq 1 ] || fail "where nobody listens, a caller ends with $status"
grep -q "^guarded_server: .*udp://127.0.0.1:$port: " "$work/none.err" || fail "no good sentence"
status=0
timeout 60 "$bin/guarded_server" tcp://127.0.0.1:0 >"$work/tcp" 2>"$work/tcp.err" || status=$?
[ $status -eq 1 ] || fail "over tcp it ends with $status"
echo "passed: what cannot be is told in a sentence"
