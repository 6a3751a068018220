#!/bin/sh
# The page /live of the example `httpd` in a browser, while the server has load. With
# NETFACADE_PICTURE=FILE.png the picture is kept: docs/live.png was made this way.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/httpd.sh
. "$(dirname "$0")/../support/httpd.sh"
need chromedriver chromium curl timeout wrk

# browse COMMAND [JSON]: a command of the WebDriver protocol (W3C) to the session $driver.
browse() {
    if [ $# -eq 1 ]; then
        curl -s -m 60 "$driver/$1"
    else
        curl -s -m 60 -H 'Content-Type: application/json' -d "$2" "$driver/$1"
    fi
}

driver_is_up() {
    driver_port=$(sed -n 's/.*successfully on port \([0-9]*\)\..*/\1/p' "$work/driver.out")
    [ -n "$driver_port" ]
}

# A browser with a fresh profile that makes no other connections.
open_browser() {
    HOME=$work timeout 200 chromedriver --port=0 >"$work/driver.out" 2>"$work/driver.err" &
    running="$running $!"
    until_true driver_is_up
    driver=http://127.0.0.1:$driver_port
    arguments=
    for argument in headless no-sandbox disable-gpu disable-quic no-first-run hide-scrollbars \
        disable-background-networking disable-component-update disable-sync disable-dev-shm-usage \
        window-size=760,640 "user-data-dir=$work/profile"; do
        arguments="$arguments\"--$argument\","
    done
    session=$(browse session "{\"capabilities\":{\"alwaysMatch\":{\"goog:chromeOptions\":{\"args\":[${arguments%,}]}}}}" |
        sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p')
    [ -n "$session" ] || fail "no browser"
    driver=$driver/session/$session
}

# load SECONDS CONNECTIONS: its wrk ends by itself, even if this script fails.
load() {
    timeout 120 wrk -t 1 -c "$2" -d "$1"s --timeout 60s "http://127.0.0.1:$port/1k.txt" >>"$work/wrk" ||
        fail "wrk ends with $?"
}

www=$work/www
mkdir "$www"
head -c 1024 /dev/zero | tr '\0' k >"$www/1k.txt"
serve tcp://127.0.0.1:0 "$www"
: >"$work/loads"
while [ -e "$work/loads" ]; do # the load goes up and down
    for connections in 40 100 0 20 60; do
        [ $connections -gt 0 ] || sleep 2
        [ $connections -eq 0 ] || [ ! -e "$work/loads" ] || load 5 $connections
    done
done &
loader=$!
running="$running $loader"
timeout 100 curl -sN "http://127.0.0.1:$port/live/events" >"$work/events" &
running="$running $!"
until_true grep -q '^data: \[[0-9]*,[1-9][0-9]*,[1-9][0-9]*\]$' "$work/events"
page=http://127.0.0.1:$port/live

open_browser
browse url "{\"url\":\"$page\"}" >"$work/answer"

# shows TEXT: the page, as the browser shows it, has a line with this text.
shows() {
    grep -Eq -- "$1" "$work/page"
}

# The page is connected. It has three numbers, and the last is not 0. Each has a graph of at least
# two points.
is_alive() {
    browse source | sed 's/\\u003C/</g; s/\\"/"/g; s/\\n/\
/g' >"$work/page"
    shows '>as it happens<' && shows '<output>[1-9][0-9,.]* ([KMG]i)?B</output>' &&
        [ "$(grep -Eo '<output>[0-9,.]+( [KMGi]*B)?</output>' "$work/page" | grep -c .)" -eq 3 ] &&
        [ "$(grep -Eo 'class="line" d="M[0-9]+,[0-9.]+L[0-9]' "$work/page" | grep -c .)" -eq 3 ]
}

until_true is_alive
if [ -n "${NETFACADE_PICTURE-}" ]; then
    sleep 55
    browse screenshot | sed 's/.*"value":"\([^"]*\)".*/\1/' | base64 -d >"$NETFACADE_PICTURE"
    echo "the picture: $NETFACADE_PICTURE"
fi
curl -s -m 60 -X DELETE "$driver" >"$work/answer"
rm "$work/loads"
wait $loader || fail "the load ends with $?"
stopped
echo "passed: the page lives in a browser"
