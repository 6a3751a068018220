#!/bin/sh
# What the facade costs: ratios of time, instructions, system calls and bytes, each against raw calls
# in the same run.
# usage: run.sh [ROUNDS]    (by `./dev bench`, which sets NETFACADE_BUILD_DIR)
set -eu
bin=$NETFACADE_BUILD_DIR/tests
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The program whose operations are counted: bench_calls or bench_requests.
program=calls

# instructions PROGRAM MODE COUNT
instructions() {
    valgrind --tool=callgrind --callgrind-out-file="$work/out" "$bin/bench_$program" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# per_operation COMMAND PROGRAM MODE COUNT: (twice the count less the count), so that the start is
# not counted.
per_operation() {
    once=$("$1" "$2" "$3" "$4")
    twice=$("$1" "$2" "$3" $(($4 * 2)))
    echo "$once $twice $4" | awk '{ printf "%.1f", ($2 - $1) / $3 }'
}

# system_calls PROGRAM MODE COUNT
system_calls() {
    strace -f -c -U calls,name -o "$work/calls" "$bin/bench_$program" "$@" >/dev/null
    awk '$2 == "total" { print $1 }' "$work/calls"
}

bench_row() {
    raw=$(per_operation "$2" raw "$3" "$4")
    facade=$(per_operation "$2" facade "$3" "$4")
    echo "$raw $facade" | awk -v name="$1" \
        '{ printf "  %-34s raw %8.1f   netfacade %8.1f   more %+.1f\n", name, $1, $2, $2 - $1 }'
}

# server_rows COMMAND COUNT: the costs of every echo server for each request.
server_rows() {
    program=requests
    raw=$(per_operation "$1" raw echo "$2")
    "$bin/bench_requests" >"$work/servers"
    while read -r who; do
        own=$(per_operation "$1" "$who" echo "$2" </dev/null)
        echo "$raw $own" | awk -v name="$who" \
            '{ printf "    %-26s %8.1f   more than raw %+.1f\n", name, $2, $2 - $1 }'
    done <"$work/servers"
    program=calls
}

"$bin/bench_compare" "${1:-40}"

echo "user instructions (callgrind), net of start-up and of net_after:"
bench_row "a send and a recv, ready" instructions ready 2000
bench_row "connect, accept, close" instructions connect 500
bench_row "a UDP send and a recv, ready" instructions udp-ready 2000
echo "  an echo server's request, of 100 connections, both sides (wanted: at most +200):"
server_rows instructions 2000

echo "system calls (strace -c), net of start-up:"
bench_row "a send and a recv, ready" system_calls ready 500
bench_row "a ping and a pong, both sides" system_calls wait 500
bench_row "connect, accept, close" system_calls connect 200
bench_row "a UDP send and a recv, ready" system_calls udp-ready 500
bench_row "a UDP ping and a pong, both sides" system_calls udp-wait 500
echo "  an echo server's request, of 100 connections, both sides (wanted: +0.0):"
server_rows system_calls 1000

echo "heap of a TCP socket: $("$bin/bench_calls" facade heap 1000) bytes, overhead included"

library=$(find "$NETFACADE_BUILD_DIR" -maxdepth 1 -name 'libnetfacade.so.*.*' -type f)
strip -o "$work/stripped.so" "$library"
echo "libnetfacade.so, stripped: $(stat -c %s "$work/stripped.so") bytes"

"$bin/bench_wires" "${1:-40}"
"$bin/bench_framed" "${1:-40}"
if [ -x "$bin/bench_tls" ]; then # it was built where OpenSSL is
    "$bin/bench_tls" "${1:-40}"
fi
"$bin/bench_servers" "${1:-40}"
sh "$(dirname "$0")/httpd.sh" "${1:-10}"
"$bin/bench_datagrams" "${1:-40}"
