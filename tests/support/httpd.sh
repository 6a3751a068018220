# For the tests of the example `httpd`: sourced after interop.sh, with the folder of the examples in
# $bin.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # $port is for them; $bin and $work are there

listens() {
    grep -q '^listening on ' "$work/server.out" 2>/dev/null
}

# serve HTTPD-ARGUMENT...: its process is $server, its port $port.
serve() {
    rm -f "$work/server.out"
    "$bin/httpd" "$@" >"$work/server.out" 2>"$work/server.err" &
    server=$!
    running="$running $server"
    until_true listens
    port=$(sed -n 's/^listening on .*://p' "$work/server.out")
}

# stopped: it is told to end, and ends well.
stopped() {
    status=0
    kill "$server"
    wait "$server" || status=$?
    [ $status -eq 0 ] || fail "after SIGTERM httpd ends with $status"
}
