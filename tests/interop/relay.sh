#!/bin/sh
# The example `relay` in front of real servers, with their own clients: redis-server with
# redis-benchmark, dnsmasq with dig, iperf3; nc at both ends of a gibibyte. And any wire to any
# other.
set -eu

# shellcheck source=tests/support/relay.sh
. "$(dirname "$0")/../support/relay.sh"
need awk dig dnsmasq getconf ip iperf3 nc redis-benchmark redis-cli redis-server sha256sum socat \
    timeout

# free_port: one that was free a moment ago, for servers that cannot ask the system for one.
free_port() {
    start_listening finder "$bin/echo_server" tcp://127.0.0.1:0
    stop "$started"
}

quit() {
    open_are 0
    stop_relay
}

# ---- Any wire to any other ----

any_wire() { # CALLERS' TARGET'S HOST
    start_listening server "$bin/echo_server" "$2://$3:0"
    server=$started
    start_relay "$1://$3:0" "$address" 1
    within "$bin/echo_client" "$address" hello '' 'a longer sentence' >"$work/heard" ||
        fail "echo_client $address"
    printf 'hello\n\na longer sentence\n' | cmp -s - "$work/heard" || fail "$1 to $2, $3"
    stop_relay
    stop "$server"
}

# Every datagram stays one, also empty and large ones. `socat` reads blocks of any size.
datagrams_stay() {
    start_listening server "$bin/echo_server" udp://127.0.0.1:0
    server=$started
    start_relay 'udp://127.0.0.1:0?idle=3s' "$address" 600
    for size in 1 1200 9000 65000; do
        head -c $size /dev/urandom >"$work/one"
        within socat -b 65536 -t 20 - "UDP4:127.0.0.1:$port,shut-null" <"$work/one" |
            head -c $size >"$work/heard"
        cmp -s "$work/one" "$work/heard" || fail "a datagram of $size bytes is not one any more"
    done
    quit # the callers have been silent for three seconds
    stop "$server"
    ok "datagrams stay as they are; a peer that is silent long enough is gone"
}

# A stream that ends is answered by datagrams, which have no end: silence stands for it.
stream_to_datagrams() {
    start_listening server "$bin/echo_server" udp://127.0.0.1:0
    server=$started
    start_relay tcp://127.0.0.1:0 "$address" 2
    echo word | within nc -N -n 127.0.0.1 "$port" >"$work/heard" || fail "nc"
    echo word | cmp -s - "$work/heard" || fail "instead of the word: $(cat "$work/heard")"
    quit
    stop "$server"
    ok "a stream that has ended hears datagrams until they are quiet"
}

# ---- Real use ----

redis() {
    free_port
    start redis redis-server --bind 127.0.0.1 --port "$port" --dir "$work" --save "" \
        --appendonly no --daemonize no
    redis=$started
    start_relay tcp://127.0.0.1:0 "tcp://127.0.0.1:$port"
    pong() {
        [ "$(within redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]
    }
    until_true pong
    for depth in 1 16; do
        within redis-benchmark -h 127.0.0.1 -p "$port" -n 5000 -c 50 -P $depth -t set,get,lpush -q \
            >"$work/benchmark.out" 2>"$work/benchmark.err" || fail "redis-benchmark -P $depth"
        [ "$(tr '\r' '\n' <"$work/benchmark.out" | grep -c 'requests per second')" -ge 3 ] ||
            fail "redis-benchmark -P $depth: $(cat "$work/benchmark.out")"
    done
    awk 'BEGIN { for (i = 0; i < 20000; i++) printf "INCR sum\r\n" }' |
        within redis-cli -h 127.0.0.1 -p "$port" --pipe >"$work/pipe" || fail "redis-cli --pipe"
    grep -q 'errors: 0, replies: 20000' "$work/pipe" || fail "$(cat "$work/pipe")"
    [ "$(within redis-cli -h 127.0.0.1 -p "$port" get sum)" = 20000 ] || fail "the sum is wrong"
    quit
    stop "$redis"
    ok "redis-server serves 50 callers of redis-benchmark, and 20000 requests in one pipe"
}

# gibibyte NUMBER: the first NUMBER of its sixteen parts.
gibibyte() {
    for part in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
        [ $part -gt "$1" ] || cat "$work/part"
    done
}

# A gibibyte there, an eighth of it back at the same time. nc ends each by a half-close. The
# listening nc would send nothing after it has received the end, so the caller sends its end only
# when everything has come back.
transfer() {
    head -c 67108864 /dev/urandom >"$work/part"
    sum_there=$(gibibyte 16 | sha256sum)
    sum_back=$(gibibyte 2 | sha256sum)
    gibibyte 2 | within nc -N -nlv 127.0.0.1 0 2>"$work/listener.err" |
        sha256sum >"$work/there" &
    receiver=$!
    running="$running $receiver"
    until_true grep -qs '^Listening' "$work/listener.err"
    port=$(sed -n 's/^Listening on .* \([0-9]*\)$/\1/p' "$work/listener.err")
    start_relay tcp://127.0.0.1:0 "tcp://127.0.0.1:$port"
    {
        gibibyte 16
        until_true test -e "$work/all_is_back"
    } | within nc -N -n 127.0.0.1 "$port" | {
        head -c 134217728 | sha256sum >"$work/back"
        : >"$work/all_is_back"
        wc -c >"$work/more"
    }
    ended_well "$receiver"
    [ "$(cat "$work/there")" = "$sum_there" ] || fail "what came there is not what was sent"
    [ "$(cat "$work/back")" = "$sum_back" ] || fail "what came back is not what was sent"
    [ "$(cat "$work/more")" -eq 0 ] || fail "more comes back than was sent"
    quit
    rm "$work/part"
    ok "a gibibyte arrives, and an eighth of one comes back beside it"
}

# Every dig asks from an address of its own: dig binds with SO_REUSEPORT, so the system may give two
# of them the same port at one time, and then the answer of one to the other.
names() {
    free_port
    names=$port
    start dnsmasq dnsmasq --keep-in-foreground --no-hosts --no-resolv --port="$names" \
        --listen-address=127.0.0.1 --bind-interfaces --user="$(id -un)" --pid-file= --log-facility=- \
        --address=/a.test/127.0.0.9 --address=/b.test/2001:db8::1 --local=/test/
    dnsmasq=$started
    start_relay 'udp://127.0.0.1:0?idle=2s' "udp://127.0.0.1:$names"
    name_is_known() {
        [ "$(dig @127.0.0.1 -p "$port" +short +tries=1 +time=1 a.test 2>&1)" = 127.0.0.9 ]
    }
    until_true name_is_known
    askers=
    i=0
    while [ $i -lt 30 ]; do
        i=$((i + 1))
        within dig -b "127.0.1.$i" @127.0.0.1 -p "$port" +short +time=20 \
            a.test A b.test AAAA "x$i.a.test" A >"$work/dig$i" 2>&1 &
        askers="$askers $!"
    done
    running="$running $askers"
    # shellcheck disable=SC2086 # pids are words
    ended_well $askers
    printf '127.0.0.9\n2001:db8::1\n127.0.0.9\n' >"$work/expected"
    for file in "$work"/dig*; do
        cmp -s "$work/expected" "$file" || fail "dig says '$(cat "$file")'"
    done
    quit
    start_relay tcp://127.0.0.1:0 "tcp://127.0.0.1:$names"
    [ "$(within dig +tcp @127.0.0.1 -p "$port" +short a.test)" = 127.0.0.9 ] || fail "dig +tcp"
    quit
    stop "$dnsmasq"
    ok "dnsmasq answers thirty dig at a time, over udp, and over tcp"
}

# measure ARGUMENT...: run iperf3, whose calls all go through the relay.
measure() {
    within iperf3 -c 127.0.0.1 -p "$port" "$@" >"$work/iperf.out" 2>"$work/iperf.err" ||
        fail "iperf3 $*: $(tail -n 2 "$work/iperf.out")"
    grep -q 'receiver$' "$work/iperf.out" || fail "iperf3 $* has measured nothing"
}

throughput() {
    free_port
    server_port=$port
    start iperf3 iperf3 -s -p "$server_port" -B 127.0.0.1 --forceflush
    server=$started
    until_true grep -qs '^Server listening' "$work/iperf3.out"
    start_relay tcp://127.0.0.1:0 "tcp://127.0.0.1:$server_port"
    streams=$relay
    # iperf3 also sends datagrams to the same port number. A call that only receives is silent for
    # that long; callers that have gone are closed in the end.
    start_listening datagrams "$bin/relay" "udp://127.0.0.1:$port?idle=60s" \
        "udp://127.0.0.1:$server_port" 1
    datagrams=$started
    measure -n 64M -P 4
    measure -n 64M -P 4 -R
    measure -u -b 20M -n 2M
    measure -u -b 20M -n 2M -R
    relay=$streams
    quit
    stop "$datagrams" "$server"
    ok "iperf3 measures tcp and udp, both ways"
}

hosts=127.0.0.1
if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
    hosts='127.0.0.1 [::1]'
fi
for host in $hosts; do
    for scheme in tcp udp; do
        any_wire $scheme tcp "$host"
        any_wire $scheme udp "$host"
    done
    ok "any wire to any other, $host"
done
datagrams_stay
stream_to_datagrams
redis
transfer
names
throughput
