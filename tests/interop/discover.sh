#!/bin/sh
# The example `discover` on a wire between two hosts, each a network namespace: from either end it
# finds every server once in each family, by the server's own address.
# shellcheck disable=SC2086 # $on_far is several words
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

if [ "${1:-}" != inside ]; then
    unshare -n true 2>/dev/null || { echo "skipped: no network namespaces here" && exit 77; }
    exec unshare -n sh "$0" inside
fi

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need ip nsenter timeout unshare

# ---- Two hosts: this one, and the far one, which exists as long as a process in it ----

unshare -n sleep 600 &
far=$!
running=$far
here=$(readlink /proc/self/ns/net)
elsewhere() {
    there=$(readlink "/proc/$far/ns/net") && [ "$there" != "$here" ]
}
until_true elsewhere

on_near="nsenter -t $$ -n"
on_far="nsenter -t $far -n" # not a function: its shell would stay

# set_up NUMBER RUN...: both addresses, without duplicate address detection.
set_up() {
    number=$1
    shift
    "$@" ip link set lo up
    "$@" ip link set dev wire addrgenmode none
    "$@" ip addr add "10.9.0.$number/24" dev wire
    "$@" ip addr add "fd09::$number/64" dev wire nodad
    "$@" ip link set wire up
}

ip link add wire type veth peer name wire netns "$far"
set_up 1 $on_near
set_up 2 $on_far

# The kernel adds the routes of groups when both ends of the wire are up.
has_routes() {
    ip -6 route show table all | grep -q '^multicast ff00::/8' &&
        $on_far ip -6 route show table all | grep -q '^multicast ff00::/8'
}
until_true has_routes

# ---- Servers on both hosts, two of them on one ----

listens() {
    [ "$(grep -c '^listening on ' "$work/$1.err" 2>/dev/null)" = 2 ]
}

# serve NAME RUN...
serve() {
    name=$1
    shift
    "$@" "$bin/discover" --serve "$name" wire >"$work/$name.out" 2>"$work/$name.err" &
    running="$running $!"
    until_true listens "$name"
}

serve kitchen $on_near
serve cellar $on_far
serve attic $on_far

# all_answer RUN...: one `discover` prints each that is expected once, and nothing else.
all_answer() {
    "$@" timeout 60 "$bin/discover" wire >"$work/heard.out" 2>"$work/heard.err" || [ $? -eq 1 ] ||
        fail "discover ends with $?"
    sort "$work/heard.out" >"$work/heard"
    [ -z "$(uniq -d "$work/heard")" ] || fail "found twice: $(cat "$work/heard")"
    [ -z "$(comm -23 "$work/heard" "$work/expected")" ] || fail "heard: $(cat "$work/heard")"
    diff "$work/expected" "$work/heard"
}

# discovered WORDS RUN...: the lines that `discover` prints, in any order. It listens for a second: a
# machine that stalls makes an answer too late, but not each time.
discovered() {
    printf '%s\n' "$1" | sort >"$work/expected"
    shift
    one_of_five all_answer "$@"
    echo "passed: all are found by $*"
}

everybody="10.9.0.1:7038 kitchen
[fd09::1]:7038 kitchen
10.9.0.2:7038 cellar
[fd09::2]:7038 cellar
10.9.0.2:7038 attic
[fd09::2]:7038 attic"

discovered "$everybody" $on_near
discovered "$everybody" $on_far

# Without an interface the system takes the one that leads to the groups.
ip route add 239.0.0.0/8 dev wire
$on_far ip route add 239.0.0.0/8 dev wire
is_found() {
    timeout 60 "$bin/discover" >"$work/heard" 2>"$work/heard.err"
    grep -q '^10.9.0.2:7038 attic$' "$work/heard"
}
until_true is_found

# No server answers: the exit status says so.
for pid in $running; do
    [ "$pid" = "$far" ] && continue
    kill "$pid"
    wait "$pid" || :
done
running=$far
status=0
timeout 60 "$bin/discover" wire >"$work/heard.out" || status=$?
[ "$status$(cat "$work/heard.out")" = 1 ] || fail "alone, it ends with $status: $(cat "$work/heard.out")"
status=0
timeout 60 "$bin/discover" no-such-if 2>"$work/none.err" || status=$?
[ $status -eq 1 ] || fail "without such an interface, it ends with $status"
grep -q no-such-if "$work/none.err" || fail "it does not say which interface is none"
