#!/bin/sh
# The example `httpd` when visitors want to stay: as many ask for /live/events as there are places
# for connections. The next visitor of a page does not wait for one of them to leave.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/httpd.sh
. "$(dirname "$0")/../support/httpd.sh"
need curl timeout

mkdir "$work/www"
echo 'the page' >"$work/www/index.html"

# stays PLACES SHARE: of as many visitors as there are places, only a share may stay.
stays() {
    serve -n "$1" tcp://127.0.0.1:0 "$work/www"
    visitors=
    : >"$work/states"
    for visitor in $(seq 1 "$1"); do
        timeout 60 curl -sN -o "$work/events.$visitor" -D "$work/head.$visitor" \
            "http://127.0.0.1:$port/live/events" &
        visitors="$visitors $!"
    done
    running="$running $visitors"
    all_are_answered() {
        [ "$(cat "$work"/head.* 2>/dev/null | grep -c '^HTTP/1.1 ')" -ge "$1" ]
    }
    until_true all_are_answered "$1"
    served=$(cat "$work"/head.* | grep -c '^HTTP/1.1 200 ') || :
    begun=$(date +%s%N)
    [ "$(timeout 5 curl -s "http://127.0.0.1:$port/")" = 'the page' ] ||
        fail "$served of $1 visitors stay, and the next one waits"
    took=$((($(date +%s%N) - begun) / 1000000))
    [ "$served" -eq "$2" ] || fail "$served of $1 visitors stay, not $2"
    grep -qi '^Retry-After: ' "$work"/head.* || fail "nobody is told to come back"

    # A visitor who leaves makes room for another.
    if [ "$2" -gt 0 ]; then
        for visitor in $visitors; do
            kill "$visitor" 2>/dev/null || :
        done
        has_room() {
            timeout 1 curl -sN -D "$work/next" -o "$work/next.events" \
                "http://127.0.0.1:$port/live/events" || :
            grep -q '^HTTP/1.1 200 ' "$work/next"
        }
        until_true has_room
    fi
    stopped
    rm -f "$work"/head.* "$work"/events.*
    echo "passed: $2 of $1 visitors stay; the next one was served after $took ms"
}

stays 20 5
stays 3 1
stays 1 0
