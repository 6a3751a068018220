#!/bin/sh
# The page /live of the example `httpd`, in a browser, while there is something to see on it. With
# NETFACADE_PICTURE=FILE.png the picture is kept: so docs/live.png was made.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# Where the system allows it, in a network whose ports nobody else takes, and with no way out.
if [ "${1-}" != inside ] && unshare -n ip link set lo up 2>/dev/null; then
    exec unshare -n sh "$0" inside
fi
[ "${1-}" != inside ] || ip link set lo up

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/httpd.sh
. "$(dirname "$0")/../support/httpd.sh"
need chromium curl timeout wrk

# browse CHROMIUM-ARGUMENT...: a browser with nothing of its own, that talks to nobody else.
browse() {
    rm -rf "$work/profile"
    HOME=$work timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --disable-dev-shm-usage --user-data-dir="$work/profile" "$@" 2>"$work/chromium.err"
}

# load SECONDS CONNECTIONS: its wrk ends by itself also when this script fails.
load() {
    timeout 120 wrk -t 1 -c "$2" -d "$1"s --timeout 60s "http://127.0.0.1:$port/1k.txt" >>"$work/wrk" ||
        fail "wrk ends with $?"
}

www=$work/www
mkdir "$www"
head -c 1024 /dev/zero | tr '\0' k >"$www/1k.txt"
serve tcp://127.0.0.1:0 "$www"
: >"$work/loads"
while [ -e "$work/loads" ]; do # with ups and downs
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

if [ -n "${NETFACADE_PICTURE-}" ]; then
    sleep 55
    browse --hide-scrollbars --window-size=760,640 --timeout=5000 --screenshot="$NETFACADE_PICTURE" \
        "$page" || fail "chromium ends with $?"
    echo "the picture: $NETFACADE_PICTURE"
fi

# shows WORDS: in what the browser makes of the page is a line with them.
shows() {
    grep -Eq -- "$1" "$work/page"
}

# It is connected; there are three numbers, of which the last is not 0; and each has its line, of at
# least two points.
is_alive() {
    browse --timeout=5000 --dump-dom "$page" >"$work/page" || fail "chromium ends with $?"
    shows '>as it happens<' && shows '<output>[1-9][0-9,.]* ([KMG]i)?B</output>' &&
        [ "$(grep -Ec '<output>[0-9,.]+( [KMGi]*B)?</output>' "$work/page")" -eq 3 ] &&
        [ "$(grep -Ec 'class="line" d="M[0-9]+,[0-9.]+L[0-9]' "$work/page")" -eq 3 ]
}

tries=5 # on a machine that stalls, the page may be looked at before its first line has come
until is_alive; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || fail "the page does not live: $(grep -E 'id="state"|<output|class="line"' "$work/page")"
done
rm "$work/loads"
wait $loader || fail "the load ends with $?"
stopped
echo "passed: the page lives in a browser"
