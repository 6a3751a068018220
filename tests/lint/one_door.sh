#!/bin/sh
# src/api/net.c checks and makes one indirect call: it has no loop, no #if, and no wire's name.
# (rooms.sh checks that it has no system header.)
set -eu

door=${NETFACADE_SOURCE_DIR:-.}/src/api/net.c
[ -f "$door" ] || { echo "there is no $door" && exit 1; }

# The line numbers stay true: a comment is emptied, not removed.
code=$(awk '{
    line = $0
    kept = ""
    while (line != "") {
        if (inside) {
            end = index(line, "*/")
            if (!end)
                break
            line = substr(line, end + 2)
            inside = 0
        }
        start = index(line, "/*")
        if (!start) {
            kept = kept line
            break
        }
        kept = kept substr(line, 1, start - 1)
        line = substr(line, start + 2)
        inside = 1
    }
    sub(/\/\/.*/, "", kept)
    print kept
}' "$door")

loop='\<(for|while|do|goto)\>'
condition='^ *# *(if|ifdef|ifndef)\>'
wire='(^|[^a-z])(tcp|udp|unix|unixgram|mem|memgram|chaos|file)([^a-z]|$)'
if echo "$code" | grep -nE "$loop|$condition|$wire"; then
    echo "$door: the lines above do not belong into the door"
    exit 1
fi
