#!/bin/sh
# The web over tls://: curl and wrk fetch from `httpd`, `tls_get` fetches from nginx and haproxy; and
# with a wrong certificate each of them fails, in a sentence that says why.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/tls.sh
. "$(dirname "$0")/../support/tls.sh"
need awk cmp curl timeout wrk

www=$work/www
mkdir "$www"
echo 'the page' >"$www/index.html"
head -c 5000000 /dev/urandom >"$www/large.bin"

# ---- httpd ----

curl_https() {
    within curl -sS --noproxy '*' "$@" 2>"$work/curl.err"
}

# fails STATUS TEXT COMMAND...
fails() {
    wanted=$1
    text=$2
    shift 2
    status=0
    "$@" >"$work/failed.out" 2>"$work/failed.err" || status=$?
    [ $status -eq "$wanted" ] || fail "it ends with $status: $*"
    cat "$work/failed.err" "$work/curl.err" 2>/dev/null | grep -q -- "$text" || fail "no '$text': $*"
    [ ! -s "$work/failed.out" ] || fail "it prints something: $*"
}

httpd() {
    for version in 1.2 1.3; do
        [ "$(curl_https --tls-max $version --cacert "$keys/ca.pem" "https://localhost:$port/")" = \
            'the page' ] || fail "curl, TLS $version"
    done
    curl_https --cacert "$keys/ca.pem" "https://localhost:$port/large.bin" | cmp -s "$www/large.bin" - ||
        fail "curl: a large file differs"
    fails 60 'issuer certificate' curl_https "https://localhost:$port/"
    fails 60 'does not match\|no alternative certificate subject name' curl_https --cacert "$keys/ca.pem" \
        --resolve "other.example:$port:127.0.0.1" "https://other.example:$port/"
    ok "curl fetches from httpd, and refuses it where the certificate is wrong"

    # Requests without TLS, and half a handshake, harm nobody.
    status=0
    curl_https "http://localhost:$port/" >"$work/plain" || status=$?
    [ $status -ne 0 ] || fail "curl gets something without TLS"
    within wrk -t 2 -c 50 -d 1s "https://127.0.0.1:$port/" >"$work/wrk.out" 2>"$work/wrk.err" ||
        fail "wrk ends with $?"
    ! grep -E 'Socket errors|Non-2xx' "$work/wrk.out" || fail "requests failed"
    answered=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$work/wrk.out")
    [ "$answered" -gt 100 ] || fail "only $answered answers in a second"
    ok "wrk: $answered requests over 50 connections, none failed"
}

# ---- tls_get ----

# get PATH [OPTIONS]: from localhost.
get() {
    within "$bin/tls_get" "https://localhost:$port$1" "${2-$ca}"
}

# fetched FROM: all that tls_get does with a server of $www.
fetched() {
    [ "$(get / 2>"$work/get.err")" = 'the page' ] || fail "tls_get from $1"
    get /large.bin 2>"$work/get.err" | cmp -s "$www/large.bin" - || fail "tls_get from $1: a large file"
    fails 1 'denied (.*issuer.*subject CN=a server for tests' get / ''
    fails 1 'denied (the certificate is for localhost, .* not for other.example' \
        get / "$ca&name=other.example"
    fails 1 '^tls_get: HTTP/1.1 404 [A-Za-z ]*$' get /none
    ok "tls_get fetches from $1, and refuses it where the certificate is wrong"
}

nginx_conf() {
    cat <<END
daemon off;
master_process off;
pid $work/nginx.pid;
error_log stderr;
events { }
http {
    access_log off;
    types { text/html html; }
    server {
        listen 127.0.0.1:$port ssl;
        server_name localhost;
        ssl_certificate $keys/cert.pem;
        ssl_certificate_key $keys/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        root $www;
    }
}
END
}

# It passes on what it gets: TLS in front of httpd.
haproxy_conf() {
    cat "$keys/cert.pem" "$keys/key.pem" >"$work/both.pem"
    cat <<END
defaults
    mode http
    timeout connect 10s
    timeout client 20s
    timeout server 20s
frontend in
    bind 127.0.0.1:$port ssl crt $work/both.pem
    default_backend out
backend out
    server one 127.0.0.1:$plain_port
END
}

ours httpd "$bin/httpd" "tls://127.0.0.1:0?$pair" "$www"
server=$started
httpd
fetched httpd
name=httpd
kill "$server"
ended "$server" 0

if command -v nginx >/dev/null; then
    free_port
    nginx_conf >"$work/nginx.conf"
    theirs nginx nginx -p "$work" -c "$work/nginx.conf" -e stderr
    fetched nginx
    away "$started"
else
    echo "left out: nginx is missing"
fi
if command -v haproxy >/dev/null; then
    ours plain "$bin/httpd" tcp://127.0.0.1:0 "$www"
    plain_port=$port
    free_port
    haproxy_conf >"$work/haproxy.conf"
    theirs haproxy haproxy -db -q -f "$work/haproxy.conf"
    fetched haproxy
    away "$started"
else
    echo "left out: haproxy is missing"
fi
