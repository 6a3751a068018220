#!/bin/sh
# What a scanner finds at `echo_server tls://`: nothing older than TLS 1.2, no cipher that is weak or
# has no forward secrecy, no compression, no renegotiation, no known hole.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/tls.sh
. "$(dirname "$0")/../support/tls.sh"
need awk sslscan timeout

found=$work/scan.out

# scan OPTION...: of a listener with them.
scan() {
    ours server "$bin/echo_server" "tls://127.0.0.1:0?$pair$1"
    within sslscan --no-colour --show-client-cas "127.0.0.1:$port" >"$found" 2>"$work/scan.err" ||
        fail "sslscan ends with $?"
    away "$started"
    grep -q 'Subject: *a server for tests' "$found" || fail "nothing was scanned: $(cat "$found")"
}

has() {
    grep -q -- "$1" "$found" || fail "no '$1' in: $(cat "$found")"
}

# ciphers: each that is accepted, as "VERSION BITS NAME".
ciphers() {
    awk '$1 == "Preferred" || $1 == "Accepted" { print $2, $3, $5 }' "$found"
}

# groups: those that a key is agreed on with, as "VERSION NAME".
groups() {
    awk '/Key Exchange Group/ { inside = 1; next } /^ *$/ { inside = 0 } inside { print $1, $4 }' "$found"
}

scan ''
for version in SSLv2 SSLv3 TLSv1.0 TLSv1.1; do
    has "^$version *disabled"
done
for version in TLSv1.2 TLSv1.3; do
    has "^$version *enabled"
    has "^$version not vulnerable to heartbleed"
    ciphers | grep -q "^$version " || fail "no cipher of $version"
done
has '^Session renegotiation not supported\|^Secure session renegotiation supported'
! grep -qi 'insecure' "$found" || fail "$(grep -i insecure "$found")"
grep -q '^Compression disabled\|^OpenSSL version does not support compression' "$found" ||
    fail "$(grep -i compression "$found")"
has '^Server supports TLS Fallback SCSV'

ciphers >"$work/ciphers"
strange=$(awk '$2 < 128 ||
    !($3 ~ /^TLS_(AES_(128_GCM_SHA256|256_GCM_SHA384)|CHACHA20_POLY1305_SHA256)$/ ||
      $3 ~ /^ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)$/)' "$work/ciphers")
[ -z "$strange" ] || fail "ciphers that nobody should use: $strange"
groups >"$work/groups"
grep -q ' x25519$' "$work/groups" || fail "no x25519 in: $(cat "$work/groups")"
strange=$(grep -Ev ' (x25519|x448|secp(256|384|521)r1)$' "$work/groups" || :)
[ -z "$strange" ] || fail "groups that nobody should use: $strange"
echo "passed: sslscan finds $(wc -l <"$work/ciphers") ciphers, all of them good, and no hole"

scan '&min-version=1.3'
has '^TLSv1.2 *disabled'
! ciphers | grep -v '^TLSv1.3 ' || fail "with min-version=1.3 there are older ciphers"
echo "passed: with min-version=1.3 there is nothing older"
