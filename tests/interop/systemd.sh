#!/bin/sh
# Socket activation by systemd-socket-activate(1): it opens the sockets, and becomes echo_server
# when the first of them is called.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# In a network of its own: the sockets need port numbers beforehand.
if [ "${1-}" != inside ] && unshare -n ip link set lo up 2>/dev/null; then
    exec unshare -n sh "$0" inside
fi
if [ "${1-}" != inside ]; then
    echo "skipped: no network of its own"
    exit 77
fi
ip link set lo up

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need systemd-socket-activate timeout

# It listens on everything that it was told to.
all_listen() {
    [ "$(grep -c '^Listening on ' "$work/server.err" 2>/dev/null)" = "$sockets" ]
}

# activate ADDRESS OPTION...: the program is echo_server on ADDRESS.
activate() {
    target=$1
    shift
    sockets=0
    for option in "$@"; do
        [ "$option" != -l ] || sockets=$((sockets + 1))
    done
    rm -f "$work/server.err" "$work/server.out"
    timeout --foreground 60 systemd-socket-activate "$@" "$bin/echo_server" "$target" \
        >"$work/server.out" 2>"$work/server.err" &
    server=$!
    running="$running $server"
    until_true all_listen
}

# answers ADDRESS LOCAL: a server is there. This call started it, and its local address is LOCAL.
answers() {
    timeout --foreground 30 "$bin/echo_client" "$1" hello 'and goodbye' >"$work/heard" \
        2>"$work/client.err" || fail "echo_client $1"
    printf 'hello\nand goodbye\n' | cmp -s - "$work/heard" || fail "echo over $1"
    grep -qxF "listening on $2" "$work/server.out" || fail "$1: $(cat "$work/server.out")"
}

finished() {
    status=0
    kill "$server"
    wait "$server" || status=$?
    running=
    [ $status -eq 0 ] || fail "$1: echo_server ends with $status"
    echo "passed: $1"
}

activate systemd://echo -l 127.0.0.1:7000 --fdname=echo
answers tcp://127.0.0.1:7000 tcp://127.0.0.1:7000
finished "a tcp socket by name"

activate systemd://unknown -l 7000
answers tcp://127.0.0.1:7000 'tcp://*:7000'
finished "a wildcard without a name"

activate systemd://second -l 127.0.0.1:7000 -l 127.0.0.1:7001 --fdname=first:second
answers tcp://127.0.0.1:7001 tcp://127.0.0.1:7001
finished "the second of two"

activate systemd://same/1 -l 127.0.0.1:7000 -l 127.0.0.1:7001 --fdname=same:same
answers tcp://127.0.0.1:7001 tcp://127.0.0.1:7001
finished "the second of one name"

activate systemd://echo -d -l 127.0.0.1:7000 --fdname=echo
answers udp://127.0.0.1:7000 udp://127.0.0.1:7000
finished "a datagram socket"

activate systemd://echo -l "$work/socket" --fdname=echo
answers "unix://$work/socket" "unix://$work/socket"
finished "a unix socket"
[ -S "$work/socket" ] || fail "the manager's socket file is gone"

activate fd://3 -l 127.0.0.1:7000
answers tcp://127.0.0.1:7000 tcp://127.0.0.1:7000
finished "the first by its number"

# If the name is not there, it ends with a sentence.
activate systemd://ecko -l 127.0.0.1:7000 --fdname=echo
status=0
timeout --foreground 30 "$bin/echo_client" tcp://127.0.0.1:7000 hello >/dev/null 2>&1 || :
wait "$server" || status=$?
running=
[ $status -eq 1 ] || fail "an unknown name: echo_server ends with $status"
grep -q "echo_server: listen systemd://ecko: bad address (.*the nearest is 'echo')" \
    "$work/server.err" || fail "no good sentence for an unknown name"
echo "passed: a name that is not there"
