# For the tests of the example `httpd`: sourced after interop.sh, with the folder of the examples in
# $bin.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the tests use $port; $bin and $work are set before

listens() {
    grep -q '^listening on ' "$work/server.out" 2>/dev/null
}

launcher= # a prefix for the command

# serve HTTPD-ARGUMENT...: start it. Its process is $server, its port $port.
serve() {
    rm -f "$work/server.out"
    # shellcheck disable=SC2086 # a list of words
    $launcher "$bin/httpd" "$@" >"$work/server.out" 2>"$work/server.err" &
    server=$!
    running="$running $server"
    until_true listens
    port=$(sed -n 's/^listening on .*://p' "$work/server.out")
}

# stopped: it gets SIGTERM, if it did not before, and ends with status 0.
stopped() {
    status=0
    kill "$server" 2>/dev/null || :
    wait "$server" || status=$?
    [ $status -eq 0 ] || fail "after SIGTERM httpd ends with $status"
}
