#!/bin/sh
# dns_query asks real DNS servers in a network of its own: dnsmasq and unbound, one that is silent, and
# one that lies.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples
liar=$(dirname "$0")/messages/dns_liar.py

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
if [ "${1-}" != inside ]; then
    echo "skipped: no network of its own here"
    exit 77
fi
need dnsmasq python3 seq socat timeout unbound

# asked STATUS NAME SERVER
asked() {
    status=0
    within "$bin/dns_query" "$2" "$3" >"$work/out" 2>"$work/query.err" || status=$?
    [ $status -eq "$1" ] || fail "$2 of $3: dns_query ends with $status"
}

# tells NAME SERVER WIRE FILE: these addresses, in any order, by this wire.
tells() {
    asked 0 "$1" "$2"
    sort "$work/out" | cmp -s - "$work/$4" || fail "$1 of $2: $(cat "$work/out")"
    grep -q " from $3" "$work/query.err" || fail "$1 of $2 does not come by $3"
}

# refuses NAME SERVER WHY
refuses() {
    asked 1 "$1" "$2"
    [ "$(cat "$work/query.err")" = "dns_query: $3" ] || fail "$1 of $2 does not say '$3'"
}

answers() { # SERVER: any answer will do
    "$bin/dns_query" one.test "$1" >/dev/null 2>&1
}

# serves NAME SERVER: one address fits in a datagram, 60 do not.
serves() {
    until_true answers "$2"
    tells one.test "$2" "udp://$2:53" one
    tells many.test "$2" "framed+tcp://$2:53?frame=u16" many
    refuses nobody.test "$2" "udp://$2:53: no such name"
    ok "$1 tells one address by udp and sixty by framed+tcp"
}

echo 192.0.2.1 >"$work/one"
seq -f '198.51.100.%g' 60 | sort >"$work/many"

# This query ends only after all its tries, so the others run beside it.
socat -u UDP-RECV:53,bind=127.0.0.55 OPEN:/dev/null 2>"$work/socat.err" &
running="$running $!"
until_true grep -q ' 3700007F:0035 ' /proc/net/udp # 127.0.0.55:53
within "$bin/dns_query" one.test 127.0.0.55 >"$work/silent.out" 2>"$work/silent.err" &
silent=$!
running="$running $silent"

{
    echo '192.0.2.1 one.test'
    sed 's/$/ many.test/' "$work/many"
} >"$work/hosts"
dnsmasq --keep-in-foreground --no-hosts --no-resolv --listen-address=127.0.0.53 --bind-interfaces \
    --user="$(id -un)" --pid-file= --addn-hosts="$work/hosts" --cname=alias.test,many.test \
    --local=/test/ 2>"$work/dnsmasq.err" &
running="$running $!"
serves dnsmasq 127.0.0.53
tells alias.test 127.0.0.53 'framed+tcp://127.0.0.53:53?frame=u16' many
ok "dnsmasq tells the addresses behind another name"

cat >"$work/unbound.conf" <<'EOF'
server:
    interface: 127.0.0.54
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    num-threads: 1
    local-zone: "test." static
    local-data: "one.test. A 192.0.2.1"
remote-control:
    control-enable: no
EOF
sed 's/.*/server: local-data: "many.test. A &"/' "$work/many" >>"$work/unbound.conf"
unbound -d -c "$work/unbound.conf" 2>"$work/unbound.err" &
running="$running $!"
serves unbound 127.0.0.54

python3 "$liar" 127.0.0.57 53 >"$work/liar.out" 2>"$work/liar.err" &
running="$running $!"
until_true grep -qs listening "$work/liar.out"
udp=udp://127.0.0.57:53
tcp='framed+tcp://127.0.0.57:53?frame=u16'
printf '192.0.2.1\n192.0.2.1\n' >"$work/two"
tells stray.test 127.0.0.57 $udp one
tells alias.test 127.0.0.57 $udp two
tells loop.test 127.0.0.57 $udp one
tells cut.test 127.0.0.57 "$tcp" one
for name in short many label long; do
    refuses $name.test 127.0.0.57 "$udp: a broken answer"
done
refuses failure.test 127.0.0.57 "$udp: it cannot tell"
refuses nothing.test 127.0.0.57 "$udp: no addresses"
refuses hangup.test 127.0.0.57 "$tcp: end"
ok "what a liar says is checked"

refuses one.test 127.0.0.56 'udp://127.0.0.56:53: refused'
status=0
wait $silent || status=$?
forget $silent
[ $status -eq 1 ] || fail "after silence dns_query ends with $status"
grep -qx 'dns_query: udp://127.0.0.55:53: timed out' "$work/silent.err" || fail "no timeout"
ok "a silent server and none end the query"
