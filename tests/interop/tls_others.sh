#!/bin/sh
# tls:// with two more implementations: mbedTLS, in nngcat as a caller and in lighttpd as a server;
# Go's crypto/tls, in hey as a caller and in webhook as a server. Each is left out where its program
# is missing.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/tls.sh
. "$(dirname "$0")/../support/tls.sh"
need awk cmp timeout

www=$work/www
mkdir "$www"
echo 'the page' >"$www/index.html"
head -c 700000 /dev/urandom >"$www/large.bin"
met=0

# has PROGRAM
has() {
    if ! command -v "$1" >/dev/null; then
        echo "left out: $1 is missing"
        return 1
    fi
    met=$((met + 1))
}

# get PATH [OPTIONS]: from localhost.
get() {
    within "$bin/tls_get" "https://localhost:$port$1" "${2-$ca}" 2>"$work/get.err"
}

# A message of nngcat's protocol comes back as it is, and is taken for an answer. nngcat waits for a
# second one.
mbedtls_calls() {
    ours echo "$bin/echo_server" "tls://127.0.0.1:0?$pair"
    within nngcat --pair0 --cacert "$keys/ca.pem" --dial "tls+tcp://localhost:$port" \
        --file "$www/large.bin" --raw --recv-timeout 1 >"$work/back" 2>"$work/nngcat.err" || :
    cmp -s "$www/large.bin" "$work/back" || fail "nngcat got other bytes back"
    ! within nngcat --pair0 --cacert "$strange/ca.pem" --dial "tls+tcp://localhost:$port" \
        --data hello --raw --recv-timeout 1 >"$work/back" 2>"$work/nngcat.err" ||
        fail "nngcat takes any certificate: nothing is shown"
    away "$started"
    ok "mbedTLS calls: a message of nngcat's there and back"
}

lighttpd_conf() {
    cat <<END
server.document-root = "$www"
server.bind = "127.0.0.1"
server.port = $port
server.modules = ("mod_mbedtls")
server.errorlog = "$work/lighttpd.err"
ssl.engine = "enable"
ssl.pemfile = "$keys/cert.pem"
ssl.privkey = "$keys/key.pem"
index-file.names = ("index.html")
END
}

mbedtls_serves() {
    free_port
    lighttpd_conf >"$work/lighttpd.conf"
    theirs lighttpd lighttpd -D -f "$work/lighttpd.conf"
    [ "$(get /)" = 'the page' ] || fail "no page from lighttpd"
    get /large.bin | cmp -s "$www/large.bin" - || fail "another file from lighttpd"
    ! get / "ca=$strange/ca.pem" || fail "any certificate is taken"
    away "$started"
    ok "mbedTLS serves: lighttpd"
}

# hey takes any certificate.
go_calls() {
    ours httpd "$bin/httpd" "tls://127.0.0.1:0?$pair" "$www"
    for path in / /large.bin; do
        within hey -n 200 -c 20 "https://localhost:$port$path" >"$work/hey.out" 2>"$work/hey.err" ||
            fail "hey ends with $?"
        grep -q '\[200\][^0-9]*200 responses' "$work/hey.out" || fail "$(cat "$work/hey.out")"
    done
    away "$started"
    ok "Go calls: hey, 400 requests over 40 connections"
}

go_serves() {
    free_port
    echo '[]' >"$work/hooks"
    theirs webhook webhook -nopanic -hooks "$work/hooks" -secure -cert "$keys/cert.pem" \
        -key "$keys/key.pem" -ip 127.0.0.1 -port "$port"
    [ "$(get /)" = OK ] || fail "no answer from webhook"
    ! get / "ca=$strange/ca.pem" || fail "any certificate is taken"
    away "$started"
    ok "Go serves: webhook"
}

! has nngcat || mbedtls_calls
! { has lighttpd && [ -e /usr/lib/lighttpd/mod_mbedtls.so ]; } || mbedtls_serves
! has hey || go_calls
! has webhook || go_serves
[ $met -gt 0 ] || { echo "skipped: none of these programs is here" && exit 77; }
