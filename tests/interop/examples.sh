#!/bin/sh
# The examples, run as a reader would run them: over tcp and udp, IPv4 and IPv6, with each other and
# with programs that do not use netfacade: nc, socat, curl and redis-server.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need cmp curl nc redis-server sha256sum socat timeout

# ---- Background programs: started, waited for, stopped by their own pids ----

# start NAME PROGRAM...: run it in the background. It writes to NAME.out and NAME.err, and reads
# NAME.in or nothing. Its pid is $started.
start() {
    name=$1
    shift
    input=$work/$name.in
    [ -f "$input" ] || input=/dev/null
    rm -f "$work/$name.out" "$work/$name.err" # the output of an earlier program of that name
    "$@" <"$input" >"$work/$name.out" 2>"$work/$name.err" &
    started=$!
    running="$running $started"
}

# ended PID [WHEN]: it ends with status 0, by itself unless WHEN says otherwise. The wait has a
# limit, and uses the program's own pid: timeout(1) loses a signal that comes before it knows its
# child.
ended() {
    until_true has_ended "$1"
    status=0
    wait "$1" || status=$?
    forget "$1"
    [ $status -eq 0 ] || fail "${2-}$name ends with $status"
}

# stopped PID: it gets SIGTERM, and ends with status 0.
stopped() {
    kill "$1"
    ended "$1" "after SIGTERM "
}

# listening SCRIPT: what a sed script finds in the output of $name, as soon as it is there.
listening() {
    said() {
        found=$(sed -n "$1" "$work/$name.out" "$work/$name.err" 2>/dev/null | head -n 1)
        [ -n "$found" ]
    }
    until_true said "$1"
}

# ours: sets $address to that of the example that was started last.
ours() {
    listening 's/^listening on //p'
    address=$found
}

# same NAME: the sent and the received file are equal.
same() {
    sum_sent=$(sha256sum <"$1")
    sum_received=$(sha256sum <"$2")
    [ "$sum_sent" = "$sum_received" ] || fail "$2 is not $1"
}

# ---- The examples with each other ----

echo_to_many() { # SCHEME HOST
    start server "$bin/echo_server" "$1://$2:0"
    server=$started
    ours
    start other "$bin/echo_client" "$address" one two three
    other=$started
    within "$bin/echo_client" "$address" hello '' 'a longer sentence' >"$work/heard" ||
        fail "echo_client $address"
    printf 'hello\n\na longer sentence\n' | cmp -s - "$work/heard" || fail "echo over $address"
    ended "$other"
    printf 'one\ntwo\nthree\n' | cmp -s - "$work/other.out" || fail "echo to two over $address"
    name=echo_server
    stopped "$server"
    ok "echo over $1, $2"
}

refusal() {
    start server "$bin/echo_server" "tcp://127.0.0.1:0"
    ours
    stopped "$started"
    status=0
    within "$bin/echo_client" "$address" 2>"$work/refused.err" || status=$?
    [ $status -eq 1 ] || fail "a refused client ends with $status"
    grep -q "^echo_client: connect $address: refused" "$work/refused.err" || fail "no good sentence"
    ok "a refused call is told in a sentence"
}

phone_call() { # SCHEME HOST
    within "$bin/phone_call" "$1://$2:0" >"$work/call" || fail "phone_call $1://$2:0"
    sed "s|$1://[^ )]*[0-9]|ADDRESS|g; s|(\"ADDRESS\")||" "$work/call" >"$work/steps"
    cmp -s - "$work/steps" <<'END' || fail "$(cat "$work/call")"
callee: net_listen    waits by the phone at ADDRESS
caller: net_connect  dials ADDRESS
caller: net_send     says "Hello?"
callee: net_accept   picks up: ADDRESS is calling
callee: net_recv     hears "Hello?"
callee: net_send     says "Yes, who is calling?"
caller: net_recv     hears "Yes, who is calling?"
caller: net_send     says "A friend. Goodbye!"
callee: net_recv     hears "A friend. Goodbye!"
callee: net_close    hangs up
caller: net_close    has hung up too
END
    ok "a phone call over $1, $2"
}

file_transfer() { # HOST
    start listener "$bin/netcat" -l "tcp://$1:0"
    ours
    within "$bin/netcat" "$address" <"$work/100MiB" >"$work/nothing" || fail "netcat $address"
    ended "$started"
    same "$work/100MiB" "$work/listener.out"
    ok "100 MiB through netcat over tcp, $1"
}

# netcat listens for a second after its question: a machine that stalls makes the answer too late.
is_answered() { # HOST
    start listener "$bin/netcat" -l "udp://$1:0"
    ours
    printf 'the question' | within "$bin/netcat" "$address" >"$work/answer" ||
        fail "netcat $address"
    [ -s "$work/answer" ] || { kill "$started" 2>/dev/null || :; return 1; }
}

netcat_datagrams() { # HOST
    printf 'the answer' >"$work/listener.in"
    one_of_five is_answered "$1"
    ended "$started"
    same "$work/listener.in" "$work/answer"
    [ "$(cat "$work/listener.out")" = 'the question' ] || fail "the question over $address"
    rm "$work/listener.in"
    ok "netcat over udp, $1"
}

netcat_usage() {
    for arguments in "" "-x tcp://127.0.0.1:1" "tcp://127.0.0.1:1 more"; do
        status=0
        # shellcheck disable=SC2086 # they are words
        within "$bin/netcat" $arguments 2>/dev/null </dev/null || status=$?
        [ $status -eq 2 ] || fail "netcat $arguments ends with $status"
    done
    ok "netcat tells how it is used"
}

# ---- netcat with other programs; a MiB each way at once, each side half-closes ----

# A listening nc stops sending as soon as it has read our end, so it has nothing to send.
they_listen() { # WHO FILE SCRIPT HOST PROGRAM...: the script finds the port in what the program says
    who=$1
    file=$2
    port_script=$3
    host=$4
    shift 4
    cp "$file" "$work/listener.in"
    start listener "$@"
    listening "$port_script"
    within "$bin/netcat" "tcp://$host:$found" <"$work/ours" >"$work/heard" ||
        fail "netcat to $who at $host"
    ended "$started"
    same "$file" "$work/heard"
    same "$work/ours" "$work/listener.out"
    rm "$work/listener.in"
    ok "netcat dials $who, $host"
}

they_dial() { # WHO HOST PROGRAM...: PORT stands for the port
    who=$1
    host=$2
    shift 2
    cp "$work/ours" "$work/listener.in"
    start listener "$bin/netcat" -l "tcp://$host:0"
    ours
    with_port "$@" <"$work/theirs" >"$work/heard" 2>"$work/dialler.err" || fail "$who to $address"
    ended "$started"
    same "$work/ours" "$work/heard"
    same "$work/theirs" "$work/listener.out"
    rm "$work/listener.in"
    ok "$who dials netcat, $host"
}

with_port() {
    port=${address##*:}
    for word; do
        shift
        set -- "$@" "$(printf "%s\n" "$word" | sed "s/PORT/$port/")"
    done
    within "$@"
}

# Datagrams have no end: the other program is stopped when it has received everything.
datagram_stranger() { # WHO SCRIPT HOST PROGRAM...
    who=$1
    port_script=$2
    host=$3
    shift 3
    start listener "$@"
    listening "$port_script"
    printf 'to a stranger' | within "$bin/netcat" "udp://$host:$found" >"$work/nothing" ||
        fail "netcat to $who over udp"
    until_true grep -qx 'to a stranger' "$work/listener.out"
    kill "$started" 2>/dev/null || : # it may have ended by itself
    wait "$started" 2>/dev/null || :
    forget "$started"
    ok "netcat sends to $who over udp, $host"
}

http_answer() {
    printf 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nby hand' \
        >"$work/listener.in"
    start listener "$bin/netcat" -l tcp://127.0.0.1:0
    ours
    body=$(curl --silent --show-error --noproxy '*' --max-time 20 "http://${address#tcp://}/") ||
        fail "curl"
    ended "$started"
    [ "$body" = 'by hand' ] || fail "curl got '$body'"
    grep -q '^GET / HTTP/1.1' "$work/listener.out" || fail "curl asked for nothing"
    rm "$work/listener.in"
    ok "curl gets an answer written by hand"
}

is_time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'

time_of_day() { # HOST-TO-LISTEN-ON HOST-TO-ASK
    start clock "$bin/time_server" "udp://$1:0"
    ours
    host=${2#[}
    asked() { # nc waits a second for the answer
        echo | within nc -u -w 1 "${host%]}" "${address##*:}" >"$work/time" || fail "nc -u $1"
        [ -s "$work/time" ]
    }
    until_true asked "$2"
    grep -Eqx "$is_time" "$work/time" ||
        fail "the time at $address is '$(cat "$work/time")'"
    stopped "$started"
    ok "time_server on $1 tells nc at $2 the time"
}

# Lines are questions. A peer that asks for ever and takes no answer holds up nobody.
time_by_lines() { # ADDRESS SOCAT-TYPE NC-ARGUMENT...
    start clock "$bin/time_server" "$1?frame=line&max=64"
    clock=$started
    ours
    where=${address#*://}
    type=$2
    shift 2
    [ "$type" = UNIX-CONNECT ] || set -- "$@" "${where%:*}" "${where##*:}"
    : >"$work/asked"
    yes 2>"$work/yes.err" | tee "$work/asked" | socat -u - "$type:$where" 2>"$work/glutton.err" &
    glutton=$!
    running="$running $glutton"
    has_asked() { # more than fits into the pipe
        [ "$(wc -c <"$work/asked")" -gt 100000 ]
    }
    until_true has_asked
    idles "$clock" 60 0.2 0 "$address, with a peer that takes nothing"
    seq 10000 | within nc -N "$@" >"$work/times" || fail "nc to $address"
    [ "$(grep -Ecx "$is_time" "$work/times")" -eq 10000 ] || fail "not 10000 times at $address"
    [ "$(wc -l <"$work/times")" -eq 10000 ] || fail "more than 10000 answers at $address"
    ! has_ended "$glutton" || fail "the server hangs up on a peer that takes nothing"
    stopped "$clock"
    until_true has_ended "$glutton"
    forget "$glutton"
    ok "time_server tells nc the time 10000 times at $address"
}

redis_ping() {
    # A port that was free a moment ago; redis-server cannot ask the system for one.
    start finder "$bin/echo_server" tcp://127.0.0.1:0
    ours
    stopped "$started"
    start redis redis-server --bind 127.0.0.1 --port "${address##*:}" --dir "$work" \
        --save "" --appendonly no --daemonize no
    pong() {
        printf 'PING\r\nQUIT\r\n' | within "$bin/netcat" "$address" >"$work/pong" 2>/dev/null
    }
    until_true pong
    printf '+PONG\r\n+OK\r\n' | cmp -s - "$work/pong" || fail "redis said '$(cat "$work/pong")'"
    stopped "$started"
    ok "redis-server answers PING"
}

# ---- All of it ----

hosts=127.0.0.1
if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
    hosts='127.0.0.1 [::1]'
else
    echo "IPv6 left out: no ::1 here"
fi
head -c 104857600 /dev/urandom >"$work/100MiB"
head -c 1048576 /dev/urandom >"$work/ours"
head -c 1234567 /dev/urandom >"$work/theirs"

netcat_usage
refusal
for host in $hosts; do
    bare=${host#[}
    bare=${bare%]}
    family=4
    [ "$host" = "$bare" ] || family=6
    nc_port='s/^\(Listening\|Bound\) on .* \([0-9]*\)$/\2/p'
    socat_port='s/.* listening on .*:\([0-9]*\)$/\1/p'

    for scheme in tcp udp; do
        echo_to_many $scheme "$host"
        phone_call $scheme "$host"
    done
    file_transfer "$host"
    netcat_datagrams "$host"

    they_listen nc /dev/null "$nc_port" "$host" nc -N -nlv "$bare" 0
    they_dial nc "$host" nc -N -n "$bare" PORT
    they_listen socat "$work/theirs" "$socat_port" "$host" \
        socat -d -d -t 20 "TCP$family-LISTEN:0,bind=$host" STDIO
    they_dial socat "$host" socat -t 20 STDIO "TCP$family:$host:PORT"
    datagram_stranger nc "$nc_port" "$host" nc -u -nlv "$bare" 0
    datagram_stranger socat "$socat_port" "$host" \
        socat -d -d -u "UDP$family-LISTEN:0,bind=$host" STDOUT
    time_of_day "$host" "$host"
done
time_of_day '*' 127.0.0.2 # the answer must come from the address that was asked
time_by_lines framed+tcp://127.0.0.1:0 TCP4
time_by_lines "framed+unix://$work/clock" UNIX-CONNECT -U "$work/clock"
http_answer
redis_ping
