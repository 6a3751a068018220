#!/bin/sh
# A hundred thousand commands in one pipeline to a real redis-server, whose answers are lines.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/tests

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need redis-cli redis-server timeout

commands=100000
[ -z "${NETFACADE_SANITIZE:-}" ] || commands=20000

# A port that was free a moment ago.
start_redis() {
    tries=5
    until [ $tries -eq 0 ]; do
        port=$(($(od -An -N2 -tu2 /dev/urandom) % 20000 + 20000))
        redis-server --bind 127.0.0.1 --port $port --unixsocket "$work/redis" --dir "$work" \
            --save "" --appendonly no --daemonize no >"$work/redis.err" 2>&1 &
        redis=$!
        running="$running $redis"
        until_true is_up_or_gone
        [ ! -d "/proc/$redis" ] || [ ! -S "$work/redis" ] || return 0
        tries=$((tries - 1))
    done
    fail "redis-server does not start"
}

is_up_or_gone() {
    [ ! -d "/proc/$redis" ] || [ "$(redis-cli -s "$work/redis" ping 2>/dev/null)" = PONG ]
}

start_redis
for address in "tcp://127.0.0.1:$port" "tcp://127.0.0.1:$port?rcvbuf=64KiB" "unix://$work/redis"; do
    timeout 120 "$bin/lines_echo_pipeline" "$address" $commands >"$work/pipeline.out" \
        2>"$work/pipeline.err" || fail "$address: $(cat "$work/pipeline.out")"
    [ "$(cat "$work/pipeline.out")" = "$commands right" ] || fail "$(cat "$work/pipeline.out")"
    echo "passed: a pipeline of $commands over $address"
done
