#!/bin/sh
# The tree is the architecture: what a file in src includes, and what its object calls, lies in its
# own room or further down, and no files form a circle. x.c and x.h are one file here. Only os
# includes the system's headers.
#
# tls is a library of its own: it knows <netfacade/cipher.h>, OpenSSL and the system, and no other
# room, and no other room knows it.
set -eu

# From the top down. Rooms on one line are side by side and do not know each other.
rooms='api
wires
hub chaos framed cipher
datagram stream
open memory
socket
name wait
os'

build=${NETFACADE_BUILD_DIR:-build/gcc}
if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: a sanitizer makes objects call more than they do"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC2016 # awk expands them
# includes DIRECTORY: FROM TO WHY for each #include below it; TO is "<" for a system header.
includes() {
    (cd "$1" && find . -name '*.[ch]' | sed 's|^\./||' | sort | xargs awk '
        function stem(name) { sub(/\.[ch]$/, "", name); return name }
        /^[ \t]*#[ \t]*include/ {
            rest = $0
            sub(/^[ \t]*#[ \t]*include[ \t]*/, "", rest)
            form = substr(rest, 1, 1)
            name = substr(rest, 2)
            sub(/[>"].*/, "", name)
            if (name == "netfacade.h" || name == "netfacade/cipher.h")
                next
            if (form == "<")
                print stem(FILENAME), "<" name, FILENAME ":" FNR
            else if (form == "\"")
                print stem(FILENAME), stem(name), FILENAME ":" FNR
            else
                print stem(FILENAME), "?", FILENAME ":" FNR
        }')
}

# calls DIRECTORY...: FROM TO SYMBOL for each name that an object below one takes from another.
calls() {
    for directory in "$@"; do
        (cd "$directory" && find . -name '*.o' | sed 's|^\./||' | sort | while read -r object; do
            nm -P "$object" | sed "s|^|${object%.c.o} |"
        done)
    done | awk '
        { file[NR] = $1; symbol[NR] = $2; type[NR] = $3 }
        $3 ~ /^[A-TVX-Z]$/ { home[$2] = $1 }
        END {
            for (i = 1; i <= NR; i++)
                if (type[i] ~ /^[Uw]$/ && symbol[i] in home && home[symbol[i]] != file[i])
                    print file[i], home[symbol[i]], symbol[i]
        }'
}

# complaints ARROWS: one line for each arrow that is not allowed, and for each circle.
complaints() {
    awk -v rooms="$rooms" '
        BEGIN {
            lines = split(rooms, line, "\n")
            for (i = 1; i <= lines; i++)
                for (j = split(line[i], room, " "); j > 0; j--)
                    depth[room[j]] = i
            standard = " assert.h ctype.h inttypes.h limits.h stdalign.h stdarg.h stdatomic.h" \
                " stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h sys/types.h "
        }
        {
            split($1, from, "/")
            to_parts = split($2, to, "/")
            if ($2 ~ /^</)
                good = from[1] == "tls" || (from[1] == "os" && $2 !~ /^<openssl\//) || index(standard, " " substr($2, 2) " ")
            else if (from[1] == "tls" || to[1] == "tls")
                good = to_parts == 2 && from[1] == to[1]
            else
                good = to_parts == 2 && from[1] in depth && to[1] in depth &&
                    (from[1] == to[1] || depth[from[1]] < depth[to[1]])
            if (!good)
                print $1 " must not know " $2 " (" $3 ")"
        }' "$1"
    awk '$2 !~ /^</ && $1 != $2 { print $1, $2 }' "$1" | tsort 2>"$work/circles" >/dev/null || :
    sed -n 's/^tsort: \(.*\/.*\)/\1 is in a circle of files/p' "$work/circles"
}

# The check must find the faults of a bad tree, or its silence means nothing.
self_test() {
    while read -r verdict from to; do
        echo "$from $to probe" >"$work/arrows"
        found=$(complaints "$work/arrows")
        case $verdict:${found:+complaint} in
        good: | bad:complaint) ;;
        *)
            echo "self-test: $from to $to is $verdict, but: ${found:-no complaint}"
            exit 1
            ;;
        esac
    done <<'CASES'
good api/net wires/tcp
good wires/tcp stream/stream
good hub/hub hub/packet
good name/url os/cause
good name/url <stdint.h
good os/socket <errno.h
good tls/session <openssl/ssl.h
good tls/session tls/records
bad tls/session os/clock
bad tls/session netfacade
bad wires/tls tls/session
bad os/socket tls/file
bad os/socket <openssl/ssl.h
bad stream/stream wires/tcp
bad stream/stream datagram/datagram
bad hub/hub chaos/fault
bad os/clock wait/deadline
bad name/url wait/deadline
bad name/url <errno.h
bad api/net net
bad name/url ../os/clock
bad wait/wait ?
CASES

    # Two files that call each other, each by a header that both may know: only the calls show it.
    mkdir -p "$work/tree/socket"
    echo 'void nf_one(void); void nf_two(void);' >"$work/tree/socket/both.h"
    for name in one two; do
        other=$([ $name = one ] && echo two || echo one)
        printf '#include "socket/both.h"\nvoid nf_%s(void) { nf_%s(); }\n' $name "$other" \
            >"$work/tree/socket/$name.c"
        ${CC:-cc} -I "$work/tree" -c "$work/tree/socket/$name.c" -o "$work/tree/socket/$name.c.o"
    done
    includes "$work/tree" >"$work/arrows"
    [ -z "$(complaints "$work/arrows")" ] || { echo "self-test: their includes are good" && exit 1; }
    calls "$work/tree" >>"$work/arrows"
    [ "$(complaints "$work/arrows" | grep -c 'socket/\(one\|two\) is in a circle')" -eq 2 ] || {
        echo "self-test: a circle of calls is not noticed"
        exit 1
    }
}

self_test
{
    includes "${NETFACADE_SOURCE_DIR:-.}/src"
    tls=$build/CMakeFiles/netfacade_tls_static.dir/src
    [ -d "$tls" ] || tls=
    calls "$build/CMakeFiles/netfacade_static.dir/src" ${tls:+"$tls"}
} >"$work/arrows"
[ -s "$work/arrows" ] || { echo "found no arrow" && exit 1; }
found=$(complaints "$work/arrows")
if [ -n "$found" ]; then
    echo "$found"
    exit 1
fi
