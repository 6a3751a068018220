#!/bin/sh
# What libnetfacade.so exports: the functions of the header, each as netfacade_send and as net_send,
# and nothing else. It needs only libc, and its tables are read-only once loaded.
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
tr '\n' ' ' <"$header" | sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/::g' |
    grep -o '\<net_[a-z_]*(' | tr -d '(' | sort >"$work/functions"
sed 's/^net_\(.*\)/#pragma redefine_extname net_\1 netfacade_\1/' "$work/functions" >"$work/named"
grep '^#pragma redefine_extname' "$header" | sort >"$work/names"
sed 's/^net_\(.*\)/net_\1\nnetfacade_\1/' "$work/functions" | sort >"$work/header"
sed -n 's/^ *\(net[a-z_]*\);$/\1/p' "$source_dir/src/exports.map" | sort >"$work/map"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort >"$work/library"

diff "$work/named" "$work/names" || fail "functions of netfacade.h (<) and the names it gives (>) differ"
diff "$work/header" "$work/map" || fail "netfacade.h (<) and exports.map (>) differ"
diff "$work/header" "$work/library" || fail "netfacade.h (<) and $library (>) differ"
[ -s "$work/header" ] || fail "found no function in netfacade.h"

dynamic=$(readelf -dW "$library")
# readelf also lists libc's own loader, ld-linux, where thread-local memory is used.
needed=$(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux')
[ "$needed" = libc.so.6 ] || fail "needs more than libc.so.6:" "$needed"
echo "$dynamic" | grep -q 'BIND_NOW\|(FLAGS_1).*NOW' || fail "not linked with -z now"
echo "$dynamic" | grep -q 'NODELETE' || fail "not linked with -z nodelete"
readelf -lW "$library" | grep -q GNU_RELRO || fail "not linked with -z relro"
exit $status
