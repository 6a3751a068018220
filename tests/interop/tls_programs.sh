#!/bin/sh
# tls:// with the programs of OpenSSL and GnuTLS, as callers and as servers: TLS 1.2 and 1.3 and
# nothing older, large transfers both ways, one byte at a time, resumption, certificates of callers,
# names of protocols, and a connection that is cut.
# shellcheck disable=SC2094 # the reader of a file that is written waits until it is there
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/tls.sh
. "$(dirname "$0")/../support/tls.sh"
need awk cmp gnutls-cli gnutls-serv mkfifo nc timeout

size=3000000
part=1000000
head -c $size /dev/urandom >"$work/here"
head -c $size /dev/urandom >"$work/there"
seq 200 >"$work/lines"
lines_size=$(wc -c <"$work/lines")

# ---- Their programs, with a version of TLS ----

# s_client VERSION PORT OPTION...
s_client() {
    version=$1
    at=$2
    shift 2
    within openssl s_client -tls1_"${version#1.}" -CAfile "$keys/ca.pem" -verify_return_error \
        -verify_hostname localhost -servername localhost -connect "127.0.0.1:$at" "$@"
}

# gnutls VERSION PORT OPTION...
gnutls() {
    version=$1
    at=$2
    shift 2
    within gnutls-cli --logfile="$work/gnutls.log" --x509cafile "$keys/ca.pem" \
        --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" -p "$at" "$@" localhost
}

# Without -rev it ends when its input does.
openssl_server() { # VERSION PORT OPTION...
    version=$1
    at=$2
    shift 2
    exec timeout 120 openssl s_server -tls1_"${version#1.}" -accept "127.0.0.1:$at" \
        -cert "$keys/cert.pem" -key "$keys/key.pem" "$@"
}

gnutls_server() { # VERSION PORT OPTION...
    version=$1
    at=$2
    shift 2
    exec timeout 120 gnutls-serv --echo --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" -p "$at" \
        --x509certfile "$keys/cert.pem" --x509keyfile "$keys/key.pem" "$@"
}

# ---- Large transfers ----

# then_print FILE SIZE NEXT: print NEXT as soon as FILE has so many bytes.
then_print() {
    until_true holds "$1" "$2"
    cat "$3"
}

same() {
    cmp -s "$1" "$2" || fail "$3: $2 is not $1"
}

# s_client receives only while it has nothing to send.
openssl_dials() { # VERSION
    : >"$work/listener.out"
    : >"$work/listener.err"
    then_print "$work/listener.out" $size "$work/there" |
        timeout 60 "$bin/netcat" -l "tls://127.0.0.1:0?$pair" >"$work/listener.out" \
            2>"$work/listener.err" &
    listener=$!
    running="$running $listener"
    listening listener
    : >"$work/back"
    { cat "$work/here" && until_true holds "$work/back" $size; } |
        s_client "$1" "$port" -quiet >"$work/back" 2>"$work/caller.err" || fail "s_client $1"
    name="netcat, called by s_client,"
    ended "$listener" 0
    same "$work/here" "$work/listener.out" "s_client $1"
    same "$work/there" "$work/back" "s_client $1"
    ok "s_client dials, TLS $1: $size bytes each way"
}

# gnutls-cli receives all the time, and says no end when it has had ours.
gnutls_dials() { # VERSION
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair"
    : >"$work/back"
    { head -c $part "$work/here" && until_true holds "$work/back" $part; } |
        gnutls "$1" "$port" >"$work/back" 2>"$work/caller.err" || fail "gnutls-cli $1"
    head -c $part "$work/here" | cmp -s - "$work/back" || fail "gnutls-cli $1: other bytes are back"
    away "$started"
    ok "gnutls-cli dials, TLS $1: $part bytes said back"
}

# s_server sends what it reads, and ends after one connection.
we_dial_openssl() { # VERSION
    free_port
    : >"$work/server.out"
    : >"$work/back"
    { then_print "$work/server.out" $size "$work/there" && until_true holds "$work/back" $size; } |
        (openssl_server "$1" "$port" -quiet -naccept 1) >"$work/server.out" 2>"$work/server.err" &
    server=$!
    running="$running $server"
    until_true is_served
    { cat "$work/here" && until_true holds "$work/back" $size; } |
        within "$bin/netcat" "tls://localhost:$port?$ca" >"$work/back" 2>"$work/caller.err" ||
        fail "netcat to s_server $1"
    until_true has_ended "$server"
    forget "$server"
    same "$work/here" "$work/server.out" "s_server $1"
    same "$work/there" "$work/back" "s_server $1"
    ok "s_server is dialed, TLS $1: $size bytes each way"
}

# gnutls-serv says lines back.
we_dial_gnutls() { # VERSION
    free_port
    theirs server gnutls_server "$1" "$port"
    : >"$work/back"
    { cat "$work/lines" && until_true holds "$work/back" "$lines_size"; } |
        within "$bin/netcat" "tls://localhost:$port?$ca" >"$work/back" 2>"$work/caller.err" ||
        fail "netcat to gnutls-serv $1"
    same "$work/lines" "$work/back" "gnutls-serv $1"
    away "$started"
    ok "gnutls-serv is dialed, TLS $1: 200 lines said back"
}

# ---- A byte at a time ----

# echoed WHAT COMMAND...: 200 lines come back.
echoed() {
    what=$1
    shift
    : >"$work/back"
    { cat "$work/lines" && until_true holds "$work/back" "$lines_size"; } |
        "$@" >"$work/back" 2>"$work/caller.err" || fail "$what"
    same "$work/lines" "$work/back" "$what"
}

# The relay receives and sends one byte at a time on one of its sides.
drop_by_drop() {
    ours echo "$bin/echo_server" "tls+chaos+tcp://127.0.0.1:0?$pair&chunk=1"
    server=$started
    for version in 1.2 1.3; do
        echoed "s_client to chunk=1" s_client $version "$port" -quiet -no_ign_eof
        echoed "gnutls-cli to chunk=1" gnutls $version "$port"
    done
    away "$server"
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair"
    server=$started
    ours drops "$bin/relay" tcp://127.0.0.1:0 "chaos+tcp://127.0.0.1:$port?chunk=1"
    drops=$started
    echoed "s_client by drops" s_client 1.3 "$port" -quiet -no_ign_eof
    echoed "gnutls-cli by drops" gnutls 1.2 "$port"
    away "$drops" "$server"
    free_port
    theirs server gnutls_server 1.3 "$port"
    server=$started
    echoed "gnutls-serv by chunk=1" within "$bin/netcat" "tls+chaos+tcp://localhost:$port?$ca&chunk=1"
    ours drops "$bin/relay" tcp://127.0.0.1:0 "chaos+tcp://127.0.0.1:$port?chunk=1"
    echoed "gnutls-serv by drops" within "$bin/netcat" "tls://localhost:$port?$ca"
    away "$started" "$server"
    ok "one byte at a time, by our side or on the way"
}

# ---- What is refused ----

refused() { # WHAT TEXT COMMAND...: it fails, and says so.
    what=$1
    text=$2
    shift 2
    status=0
    "$@" </dev/null >"$work/refused.out" 2>&1 || status=$?
    [ $status -ne 0 ] || fail "$what succeeds"
    grep -q -- "$text" "$work/refused.out" || fail "$what: $(tail -n 5 "$work/refused.out")"
}

old_versions() {
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair"
    server=$started
    refused "s_client 1.1" 'alert protocol version' s_client 1.1 "$port" -cipher ALL:@SECLEVEL=0
    refused "gnutls-cli 1.1" '.' gnutls 1.1 "$port"
    grep -q 'alert \[70\]' "$work/gnutls.log" "$work/refused.out" || fail "no alert for gnutls-cli"
    away "$server"
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair&min-version=1.3"
    server=$started
    refused "s_client 1.2" 'alert protocol version' s_client 1.2 "$port"
    away "$server"
    free_port
    theirs server openssl_server 1.1 "$port" -rev -cipher ALL:@SECLEVEL=0
    refused "a server of 1.1" 'reset (.*versions of TLS' \
        within "$bin/echo_client" "tls://localhost:$port?$ca"
    away "$started"
    ok "TLS 1.1 is refused, by us as caller and as server"
}

# A connection that is cut is no end. KILL leaves no time for one.
cut() {
    mkfifo "$work/listener.in" "$work/client.in"
    exec 8<>"$work/listener.in" 9<>"$work/client.in" # neither has an end
    ours listener "$bin/netcat" -l "tls://127.0.0.1:0?$pair"
    listener=$started
    echo begun >&9
    start client openssl s_client -quiet -CAfile "$keys/ca.pem" -connect "127.0.0.1:$port"
    says "$work/listener.out" begun "a call that will be cut"
    kill -KILL "$started"
    wait "$started" 2>/dev/null || :
    forget "$started"
    says "$work/listener.err" 'reset (.*not said that it has finished' "netcat"
    exec 8>&- 9>&-
    rm "$work/listener.in" "$work/client.in"
    name="netcat, whose caller is cut,"
    ended "$listener" 1
    ok "a caller that is cut off has not ended"
}

# ---- Resumption ----

they_resume() { # VERSION: by a ticket of ours
    for session in -sess_out -sess_in; do
        rm -f "$work/session.out"
        {
            echo hello
            until_true grep -qs '^hello' "$work/session.out"
            echo Q
        } | s_client "$1" "$port" $session "$work/session" >"$work/session.out" \
            2>"$work/session.err" || fail "s_client $session"
    done
    grep -q '^Reused, TLSv1' "$work/session.out" || fail "s_client $1 resumes nothing"
}

# we_call_twice: one process of ours dials twice; each call hears something.
we_call_twice() {
    ours relay "$bin/relay" tcp://127.0.0.1:0 "tls://localhost:$port?$ca"
    for _ in first second; do
        : >"$work/back"
        { echo hello && until_true holds "$work/back" 6; } |
            within nc -N 127.0.0.1 "$port" >"$work/back" 2>"$work/caller.err" || fail "nc"
    done
    away "$started"
}

resumption() {
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair"
    server=$started
    they_resume 1.2
    they_resume 1.3
    away "$server"
    for version in 1.2 1.3; do
        free_port
        theirs server gnutls_server $version "$port"
        server=$started
        we_call_twice
        away "$server"
        [ "$(grep -c '^\*\*\* This is a resumed session' "$work/server.out")" -eq 1 ] ||
            fail "we do not resume TLS $version with gnutls-serv"
        free_port
        theirs server openssl_server $version "$port" -rev -naccept 2
        server=$started
        we_call_twice
        ended "$server" 0
        grep -q ' 1 session cache hits' "$work/server.out" ||
            fail "we do not resume TLS $version with s_server"
    done
    ok "a second call is resumed, each way"
}

# ---- Certificates of callers, names of protocols ----

callers() {
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair&verify=peer&$ca"
    server=$started
    for version in 1.2 1.3; do
        echoed "s_client with a certificate" s_client $version "$port" -quiet -no_ign_eof \
            -cert "$keys/cert.pem" -key "$keys/key.pem"
        echoed "gnutls-cli with a certificate" gnutls $version "$port" \
            --x509certfile "$keys/cert.pem" --x509keyfile "$keys/key.pem"
    done
    refused "s_client without one" 'alert handshake failure' s_client 1.2 "$port"
    refused "s_client without one" 'alert certificate required' s_client 1.3 "$port" -quiet
    refused "s_client with a strange one" 'alert unknown ca' s_client 1.3 "$port" -quiet \
        -cert "$strange/cert.pem" -key "$strange/key.pem"
    away "$server"
    for version in 1.2 1.3; do
        free_port
        theirs server openssl_server $version "$port" -rev -Verify 1 -verify_return_error \
            -CAfile "$keys/ca.pem"
        server=$started
        refused "no certificate for s_server" 'denied (.*certificate' \
            within "$bin/echo_client" "tls://localhost:$port?$ca"
        { echo hello && until_true grep -qs olleh "$work/back"; } |
            within "$bin/netcat" "tls://localhost:$port?$ca&$pair" >"$work/back" \
                2>"$work/caller.err" || fail "our certificate for s_server, TLS $version"
        away "$server"
    done
    ok "certificates of callers, each way"
}

protocols() {
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair&alpn=one,two"
    server=$started
    { until_true grep -qs '^ALPN protocol' "$work/alpn.out" && echo Q; } |
        s_client 1.3 "$port" -alpn three,two >"$work/alpn.out" 2>"$work/alpn.err" ||
        fail "s_client -alpn"
    grep -qx 'ALPN protocol: two' "$work/alpn.out" || fail "$(grep ALPN "$work/alpn.out")"
    refused "no protocol in common" 'alert no application protocol' s_client 1.3 "$port" -alpn three
    away "$server"
    free_port
    theirs server gnutls_server 1.3 "$port" --alpn=two --alpn-fatal
    echoed "gnutls-serv --alpn" within "$bin/netcat" "tls://localhost:$port?$ca&alpn=one,two"
    grep -q '^- Application protocol: two' "$work/server.out" || fail "gnutls-serv chose no protocol"
    refused "no protocol in common" 'reset (.*protocol' \
        within "$bin/echo_client" "tls://localhost:$port?$ca&alpn=one"
    away "$started"
    ok "names of protocols, each way"
}

# ---- All of it ----

for version in 1.2 1.3; do
    openssl_dials $version
    gnutls_dials $version
    we_dial_openssl $version
    we_dial_gnutls $version
done
drop_by_drop
old_versions
cut
resumption
callers
protocols
