#!/bin/sh
# Arrows go down only:  api -> backends -> {name, wait} -> os.  No #include in src may go uphill,
# name and wait do not know each other, and only os knows the system.
set -eu

# complaints DIRECTORY: one line for each forbidden #include below it.
complaints() {
    (cd "$1" && find . -name '*.[ch]' -exec awk '
        BEGIN {
            rooms = "backends socket open stream datagram hub memory chaos wires "
            below["api"] = " api " rooms "name wait os "
            for (i = split(rooms, room_names); i > 0; i--)
                below[room_names[i]] = " " rooms "name wait os "
            below["name"] = " name os "
            below["wait"] = " wait os "
            below["os"] = " os "
            standard = " assert.h ctype.h inttypes.h limits.h stdalign.h stdarg.h stdatomic.h" \
                " stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h sys/types.h "
        }
        function allowed(room, form, name,    part) {
            if (name == "netfacade.h")
                return 1
            if (form == "<")
                return room == "os" || index(standard, " " name " ")
            return split(name, part, "/") == 2 && index(below[room], " " part[1] " ")
        }
        /^[ \t]*#[ \t]*include/ {
            split(FILENAME, path, "/")
            rest = $0
            sub(/^[ \t]*#[ \t]*include[ \t]*/, "", rest)
            form = substr(rest, 1, 1)
            name = substr(rest, 2)
            sub(/[>"].*/, "", name)
            if (!allowed(path[2], form, name))
                print FILENAME ":" FNR ": " path[2] " must not know " rest
        }' {} +)
}

# The check has to notice what it is for, or its silence means nothing.
self_test() {
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    mkdir "$tree/api" "$tree/backends" "$tree/name" "$tree/wait" "$tree/os"

    while read -r verdict room include; do
        echo "$include" >"$tree/$room/probe.c"
        found=$(complaints "$tree")
        rm "$tree/$room/probe.c"
        case $verdict:${found:+complaint} in
        good: | bad:complaint) ;;
        *)
            echo "self-test: in $room, $include is $verdict, but: ${found:-no complaint}"
            exit 1
            ;;
        esac
    done <<'CASES'
good api #include "wires/tcp.h"
good backends #include "wait/deadline.h"
good name #include "name/url.h"
good wait #include "os/clock.h" /* for now */
good name #include <stdint.h>
good os #include <errno.h>
good os #include "netfacade.h"
bad backends #include "api/registry.h"
bad os #include "wait/deadline.h"
bad name #include "wait/deadline.h"
bad wait #  include "name/url.h"
bad name #include <errno.h>
bad api #include <sys/socket.h>
bad api #include "net.h"
bad name #include "../os/clock.h"
bad name #include "../../api/net.h"
bad wait #include HEADER
CASES
}

self_test
found=$(complaints "${NETFACADE_SOURCE_DIR:-.}/src")
if [ -n "$found" ]; then
    echo "$found"
    exit 1
fi
