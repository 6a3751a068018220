#!/bin/sh
# Real resolvers in a private network: one that is silent, one with an AAAA record that leads
# nowhere, one that does not know the name.
set -u

bin=$NETFACADE_BUILD_DIR/examples

if [ "${1-}" != inside ]; then
    for tool in unshare ip nft socat dnsmasq; do
        command -v "$tool" >/dev/null || { echo "skipped: no $tool" && exit 77; }
    done
    unshare -n -m true 2>/dev/null || { echo "skipped: unshare is not permitted" && exit 77; }
    exec unshare -n -m sh "$0" inside
fi

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"

clean_up() {
    for pid in $running; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    umount /etc/resolv.conf 2>/dev/null
    umount /etc/nsswitch.conf 2>/dev/null
    rm -rf "$work"
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# expect STATUS TEXT LEAST MOST PROGRAM...: the status, the output, and how long it may take. On a
# machine that stalls any time may be exceeded, and after a late answer a dial takes another way. So
# one of several tries must be in time.
expect() {
    status=$1
    words=$2
    least=$3
    most=$4
    shift 4
    runs=5
    took=
    until [ -n "$took" ] && [ "$took" -ge "$least" ] && [ "$took" -le "$most" ]; do
        [ $runs -gt 0 ] || fail "$*: took $took ms"
        runs=$((runs - 1))
        begun=$(milliseconds)
        timeout 60 "$@" >"$work/out" 2>"$work/out.err"
        got=$?
        took=$(($(milliseconds) - begun))
        [ "$got" -eq "$status" ] || fail "$*: exit $got, not $status: $(cat "$work/out.err")"
        cat "$work/out" "$work/out.err" | grep -q "$words" || fail "$*: does not say '$words'"
    done
    echo "passed in $took ms: $words"
}

# A client that ends while its resolver still waits for an answer leaves no leak.
echo 'leak:res_context_send' >"$work/suppressions"
export LSAN_OPTIONS="suppressions=$work/suppressions:print_suppressions=0"

ip link set lo up || exit 1
echo 'nameserver 127.0.0.53' >"$work/resolv.conf"
echo 'hosts: files dns' >"$work/nsswitch.conf"
mount --bind "$work/resolv.conf" /etc/resolv.conf || { echo "skipped: no bind mount" && exit 77; }
mount --bind "$work/nsswitch.conf" /etc/nsswitch.conf 2>/dev/null || :

# A name server that receives and never answers: the dial ends at its deadline, 5 s in the client,
# while the resolver of the system goes on for twice as long.
socat -u UDP-RECV:53,bind=127.0.0.53 OPEN:/dev/null 2>"$work/socat.err" &
silent=$!
running=$silent
until_true grep -q ' 3500007F:0035 ' /proc/net/udp # 127.0.0.53:53
expect 1 'timed out' 4900 8000 "$bin/echo_client" tcp://silent.test:7000
grep -q 'connect tcp://silent.test:7000' "$work/out.err" || fail "the sentence names no address"
kill "$silent"
wait "$silent" 2>/dev/null
running=

# A name with a live A, and an AAAA to which every packet is dropped.
ip -6 addr add 2001:db8::1/128 dev lo nodad 2>/dev/null
nft add table ip6 hole
nft add chain ip6 hole output '{ type filter hook output priority 0; }'
nft add rule ip6 hole output ip6 daddr 2001:db8::1 drop
dnsmasq --keep-in-foreground --no-hosts --no-resolv --listen-address=127.0.0.53 --bind-interfaces \
    --user="$(id -un)" --pid-file= --address=/both.test/127.0.0.9 --address=/both.test/2001:db8::1 \
    --address=/v4.test/127.0.0.9 --local=/test/ 2>"$work/dnsmasq.err" &
running=$!
"$bin/echo_server" tcp://127.0.0.9:7000 >"$work/server.out" 2>"$work/server.err" &
running="$running $!"
"$bin/echo_server" udp://127.0.0.9:7000 >"$work/server2.out" 2>"$work/server2.err" &
running="$running $!"
until_true test -s "$work/server.out"
until_true test -s "$work/server2.out"
name_server_answers() { # `ahosts` would not ask for addresses if there is only a loopback
    getent hosts v4.test >/dev/null
}
until_true name_server_answers
expect 0 'through the hole' 200 3000 "$bin/echo_client" tcp://both.test:7000 'through the hole'
expect 0 'plain' 0 3000 "$bin/echo_client" tcp://v4.test:7000 plain
expect 0 'datagram' 0 3000 "$bin/echo_client" udp://v4.test:7000 datagram

# NXDOMAIN, with the resolver's own text.
expect 1 'unknown name (.*Name or service not known)' 0 4000 \
    "$bin/echo_client" tcp://nobody.test:7000
