#!/bin/sh
# The example `httpd` with many callers, and slow, silent, deaf and rude ones: the others are
# served, and nothing spins or grows. With curl and wrk.
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/examples
slow=$build/tests/slow_http

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/httpd.sh
. "$(dirname "$0")/../support/httpd.sh"
need curl prlimit timeout wrk

# asked: a normal request is answered.
asked() {
    timeout 60 curl -s -o "$work/content" "http://127.0.0.1:$port/index.html" 2>"$work/curl.err" &&
        [ "$(cat "$work/content")" = 'the page' ]
}

is_ready() {
    grep -q ready "$work/slow.out" 2>/dev/null
}

# bad KIND COUNT [PATH]: start such callers. Their process is $slow_pid.
bad() {
    kind=$1
    shift
    rm -f "$work/slow.out"
    "$slow" "$kind" "$port" "$@" >"$work/slow.out" 2>"$work/slow.err" &
    slow_pid=$!
    running="$running $slow_pid"
    until_true is_ready
}

# gone LINE: the server has ended them, and `slow_http` printed this line.
gone() {
    wait $slow_pid || fail "slow_http ends with $?"
    [ "$(tail -n 1 "$work/slow.out")" = "$1" ] ||
        fail "instead of '$1', of $kind callers: $(tail -n 1 "$work/slow.out")"
}

leave() {
    kill $slow_pid
    wait $slow_pid 2>/dev/null || :
}

# has_none_left: the server has used all of its 64 descriptors.
has_none_left() {
    [ "$(find "/proc/$server/fd" -type l | wc -l)" -ge 64 ]
}

# holds COUNT NAME: this many descriptors of the server are files or sockets of that name.
holds() {
    find "/proc/$server/fd" -lname "*$2*" 2>/dev/null | wc -l | grep -qx " *$1"
}

# load REQUESTS PATH: 100 connections get at least this many answers, and none fails. wrk does not
# count requests in progress at the end of a round. For a large file and a short round these are
# all, so each round is a second longer than the one before.
load() {
    answered=0
    rounds=0
    while [ $answered -lt "$1" ]; do
        [ $rounds -lt 12 ] || fail "only $answered answers in $rounds rounds"
        rounds=$((rounds + 1))
        timeout 120 wrk -t 2 -c 100 -d "$rounds"s --timeout 60s "http://127.0.0.1:$port$2" >"$work/wrk.out" \
            2>"$work/wrk.err" || fail "wrk ends with $?"
        ! grep -E 'Socket errors|Non-2xx' "$work/wrk.out" || fail "requests failed"
        answered=$((answered + $(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$work/wrk.out")))
    done
}

# stays_idle WHEN: in three seconds the server uses at most a fifth of one. One that spins uses three.
stays_idle() {
    idles "$server" 2 3 $(($(getconf CLK_TCK) / 5)) "$1"
}

www=$work/www
mkdir "$www"
echo 'the page' >"$www/index.html"
head -c 1024 /dev/zero | tr '\0' k >"$www/1k.txt"
head -c 33554432 /dev/zero >"$www/large.bin"

# ---- Many ----

serve tcp://127.0.0.1:0 "$www"
load 10000 /1k.txt
echo "passed: $answered requests over 100 connections, none failed"
"$slow" reset "$port" 500 2>"$work/slow.err" || fail "slow_http"
until_true holds 1 socket # the listener
asked || fail "after 500 resets nobody is served"
stays_idle 'after many'
stopped
echo "passed: 500 connections broken off, in every state"

# ---- Slow ----

serve -t 2 tcp://127.0.0.1:0 "$www"
bad drip 50
for _ in 1 2 3 4 5; do
    asked || fail "a caller that is not slow is not served"
done
gone '50 ended, 50 of them with 408'
bad begun 50
gone '50 ended, 50 of them with 408'
bad silent 50
asked || fail "nobody is served beside the silent"
gone '50 ended, 0 of them with 408'
until_true holds 1 socket
stopped
echo "passed: slow and silent callers are ended, and the others are served"

serve -t 5 tcp://127.0.0.1:0 "$www"
asked || fail "nobody is served"
before=$(memory_of "$server")
bad deaf 50 /large.bin
until_true holds 50 large.bin
for _ in 1 2 3 4 5; do
    asked || fail "a caller that reads is not served"
done
after=$(memory_of "$server")
[ $((after - before)) -le 16384 ] || fail "$((after - before)) KiB for 50 that do not read"
until_true holds 0 large.bin
until_true holds 1 socket
leave
stopped
echo "passed: a caller that does not read is ended, and costs $((after - before)) KiB for 50"

# ---- A crowd ----

# Waiting callers are served once silent callers have lost their places, long before these time out.
# Those that came first lose theirs first; of those that came next some may stay.
serve -n 10 -t 600 tcp://127.0.0.1:0 "$www"
bad silent 10
first=$slow_pid
mv "$work/slow.out" "$work/first.out"
bad silent 10
asked || fail "silent callers keep all places"
kill $slow_pid 2>/dev/null || : # the server may have ended them all
wait $slow_pid 2>/dev/null || :
slow_pid=$first
mv "$work/first.out" "$work/slow.out"
gone '10 ended, 0 of them with 408'
load 100 /1k.txt
bad begun 10
stays_idle 'with all places taken'
holds 11 socket || fail "other than 10 connections and a listener"
leave
asked || fail "when places are free again nobody is served"
stopped
echo "passed: as many connections as are allowed, and others served in turn"

# With 64 descriptors. The server leaves enough of them for files.
launcher='prlimit --nofile=64'
serve tcp://127.0.0.1:0 "$www"
load 1000 /1k.txt
load 10 /large.bin
stopped
echo "passed: with 64 descriptors 100 connections are served"

# The same when it was told to take more callers than there are descriptors.
serve -n 1000 -t 600 tcp://127.0.0.1:0 "$www"
bad begun 100
until_true has_none_left
stays_idle 'without a descriptor left'
leave
until_true asked
stays_idle 'after all have left'
stopped
echo "passed: without a descriptor left it does not spin, and serves again when there are some"
