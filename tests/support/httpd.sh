# For the tests of the example `httpd`: sourced after interop.sh, with the folder of the examples in
# $bin.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # $port is for them; $bin and $work are there

listens() {
    grep -q '^listening on ' "$work/server.out" 2>/dev/null
}

launcher= # words before the command

# serve HTTPD-ARGUMENT...: its process is $server, its port $port.
serve() {
    rm -f "$work/server.out"
    # shellcheck disable=SC2086 # a list of words
    $launcher "$bin/httpd" "$@" >"$work/server.out" 2>"$work/server.err" &
    server=$!
    running="$running $server"
    until_true listens
    port=$(sed -n 's/^listening on .*://p' "$work/server.out")
}

# stopped: it is told to end, if it was not told before, and ends well.
stopped() {
    status=0
    kill "$server" 2>/dev/null || :
    wait "$server" || status=$?
    [ $status -eq 0 ] || fail "after SIGTERM httpd ends with $status"
}
