#!/bin/sh
# The example `port_check` in a network of its own, with ports that are open, closed, and behind a
# firewall that drops packets; by address and by name; few and hundreds of them.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

if [ "${1:-}" != inside ]; then
    unshare -n -m true 2>/dev/null || { echo "skipped: no namespaces here" && exit 77; }
    exec unshare -n -m sh "$0" inside
fi

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need ip nft script
# shellcheck source=tests/support/members.sh
. "$(dirname "$0")/../support/members.sh"

ip link set lo up
ip route add unreachable 192.0.2.0/24
nft add table inet wall
nft add chain inet wall in '{ type filter hook input priority 0; }'
nft add rule inet wall in tcp dport 5000-5999 drop

echo '127.0.0.1 both.test' >"$work/hosts"
echo '192.0.2.7 nowhere.test' >>"$work/hosts"
families=4
if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
    families='4 6'
    echo '::1 both.test' >>"$work/hosts"
fi
mount --bind "$work/hosts" /etc/hosts

# Two that listen, below all ports that the system assigns.
first=4001
second=4003
serve first "$bin/echo_server" "tcp://:$first"
serve second "$bin/echo_server" "tcp://:$second"

# checked STATUS ARGUMENT...: the table is in $work/table.
checked() {
    expected=$1
    shift
    status=0
    timeout --foreground 120 "$bin/port_check" "$@" >"$work/table" 2>"$work/check.err" || status=$?
    [ $status -eq "$expected" ] || fail "port_check $* ends with $status: $(cat "$work/table")"
}

# has PORT STATE: the table gives the port this state, and no other.
has() {
    [ "$(awk -v port="$1" '$1 == port { $1 = $2 = $3 = ""; print }' "$work/table")" = "   $2" ] ||
        fail "port $1 is not told as '$2': $(cat "$work/table")"
}

sums() {
    [ "$(tail -n 1 "$work/table")" = "$1" ] || fail "not '$1' but: $(tail -n 1 "$work/table")"
}

# One of these ports is given up, and not early: a machine that stalls before that dial leaves it less
# of the second.
waits_to_the_end() {
    checked 1 -t 1000 "$here" $first-$second 5000 22
    has $first open
    has 4002 refused
    has $second open
    has 5000 'timed out'
    has 22 refused
    grep -q '^   22 .* ssh  *refused$' "$work/table" || fail "22 has no name"
    awk '$1 == 5000 && $2 < 900 { print "given up early: " $0; early = 1 } END { exit early }' \
        "$work/table"
}

for family in $families; do
    here=127.0.0.1
    [ "$family" = 4 ] || here=::1
    checked 0 "$here" $first $second
    has $first open
    has $second open
    sums '2 open, 0 refused, 0 timed out, 0 other'
    one_of_five waits_to_the_end
    sums '2 open, 2 refused, 1 timed out, 0 other'
    [ ! -s "$work/check.err" ] || fail "it chatters where no terminal is"
    ok "open, refused, timed out over IPv$family"
done

checked 1 nowhere.test 1
has 1 unreachable
sums '0 open, 0 refused, 0 timed out, 1 other'
checked 0 both.test $first $second
checked 0 localhost $first
checked 2 no-such-name.test 1 2 3
[ "$(grep -c no-such-name.test "$work/check.err")" -eq 1 ] || fail "an unknown name is not told once"
[ ! -s "$work/table" ] || fail "a table of nothing"
ok "names"

# A thousand at once; and with few descriptors, in waves.
checked 1 127.0.0.1 4000-4999
sums '2 open, 998 refused, 0 timed out, 0 other'
has $second open
few() {
    sh -c 'ulimit -n 64 && exec "$@"' sh "$bin/port_check" "$@" >"$work/table" 2>"$work/check.err" ||
        [ $? -eq 1 ] || fail "with few descriptors port_check $* fails"
}
few 127.0.0.1 4000-4999
sums '2 open, 998 refused, 0 timed out, 0 other'
few both.test 4000-4099
sums '2 open, 98 refused, 0 timed out, 0 other'
ok "a thousand ports, also with 64 descriptors"

# Where not even one dial has a descriptor, it says so, and does not wait for what is not there.
for descriptors in 5 6 7 8; do
    begun=$(date +%s%N)
    status=0
    timeout --foreground 20 sh -c 'ulimit -n '$descriptors' && exec "$@"' sh "$bin/port_check" \
        -t 300 127.0.0.1 $first 4002 >"$work/table" 2>"$work/check.err" || status=$?
    took=$((($(date +%s%N) - begun) / 1000000))
    [ $status -ne 124 ] || fail "with $descriptors descriptors it never ends"
    [ $status -le 2 ] || fail "with $descriptors descriptors it ends with $status"
    [ $took -lt 5000 ] || fail "with $descriptors descriptors it takes $took ms"
    echo "$descriptors descriptors: $took ms, $(cat "$work/table" "$work/check.err" | tail -n 1)"
done
ok "an end within its time, without descriptors"

# The waves share the time: the last of many dropped ports are tried too, and it ends.
few -t 4000 127.0.0.1 5000-5199 $first
sums '1 open, 0 refused, 200 timed out, 0 other'
awk '$1 == 5199 { exit $2 < 50 }' "$work/table" || fail "no time was left for the last port"
ok "ports behind a wall take their share of the time"

# On a terminal it shows its progress, and erases that at the end.
script -qec "$bin/port_check -t 3000 127.0.0.1 5000 $first" "$work/typescript" >"$work/terminal" ||
    status=$?
grep -q '1 of 2, 1 open' "$work/terminal" || fail "no progress: $(cat "$work/terminal")"
tr '\r' '\n' <"$work/terminal" | grep -q '^1 open, 0 refused, 1 timed out, 0 other$' || fail "no table"
ok "progress on a terminal"

for arguments in '' '127.0.0.1' '127.0.0.1 0' '127.0.0.1 65536' '127.0.0.1 9-8' '127.0.0.1 8-9x' \
    '127.0.0.1 1-65535 1' '-t 0 127.0.0.1 1' '-t 5' '-x 127.0.0.1 1' '127.0.0.1 ssh'; do
    # shellcheck disable=SC2086 # they are words
    checked 2 $arguments
    grep -q '^usage: port_check' "$work/check.err" || fail "no usage of '$arguments'"
done
ok "it tells how it is used"
