#!/bin/sh
# What libnetfacade.so exports: the functions of the header, each as netfacade_send and as net_send,
# and nothing else. It needs only libc, and its tables are read-only once loaded. Likewise the
# library of tls://, where it is built.
set -eu

source_dir=${NETFACADE_SOURCE_DIR:-.}
library=${NETFACADE_BUILD_DIR:-build/gcc}/libnetfacade.so

if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: a sanitizer adds symbols and libraries of its own"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() {
    echo "$*"
    status=1
}

header=$source_dir/include/netfacade.h
ciphers=$source_dir/include/netfacade/cipher.h
# net_tls is the other library's.
cat "$header" "$ciphers" | tr '\n' ' ' | sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/::g' |
    grep -o '\<net_[a-z_]*(' | tr -d '(' | grep -vx net_tls | sort >"$work/functions"
sed 's/^net_\(.*\)/#pragma redefine_extname net_\1 netfacade_\1/' "$work/functions" >"$work/named"
grep -h '^#pragma redefine_extname' "$header" "$ciphers" | grep -v ' net_tls ' | sort >"$work/names"
sed 's/^net_\(.*\)/net_\1\nnetfacade_\1/' "$work/functions" | sort >"$work/header"
sed -n 's/^ *\(net[a-z_]*\);$/\1/p' "$source_dir/src/exports.map" | sort >"$work/map"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort >"$work/library"

diff "$work/named" "$work/names" || fail "functions of the headers (<) and the names they give (>) differ"
diff "$work/header" "$work/map" || fail "the headers (<) and exports.map (>) differ"
diff "$work/header" "$work/library" || fail "the headers (<) and $library (>) differ"
[ -s "$work/header" ] || fail "found no function in the headers"

# hardened LIBRARY NEEDED: what it needs besides the loader, and how it is linked.
hardened() {
    dynamic=$(readelf -dW "$1")
    # readelf also lists libc's own loader, ld-linux, where thread-local memory is used.
    needed=$(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux' |
        sort | tr '\n' ' ')
    [ "$needed" = "$2 " ] || fail "$1 needs other than $2: $needed"
    echo "$dynamic" | grep -q 'BIND_NOW\|(FLAGS_1).*NOW' || fail "$1: not linked with -z now"
    echo "$dynamic" | grep -q 'NODELETE' || fail "$1: not linked with -z nodelete"
    readelf -lW "$1" | grep -q GNU_RELRO || fail "$1: not linked with -z relro"
}

hardened "$library" libc.so.6
# shellcheck disable=SC2016 # the loader expands it
readelf -dW "$library" | grep -qF 'runpath: [$ORIGIN]' || fail "its RUNPATH is not its directory"

tls=${library%.so}-tls.so
if [ -e "$tls" ]; then
    hardened "$tls" 'libc.so.6 libcrypto.so.3 libssl.so.3'
    printf '%s\n' net_tls netfacade_tls >"$work/tls"
    nm -D --defined-only "$tls" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort |
        diff "$work/tls" - || fail "$tls has other symbols (>) than it should (<)"
fi
exit $status
