#!/bin/sh
# What the facade costs: ratios of time, instructions, system calls and bytes, each against raw calls in the same run.
# usage: run.sh [ROUNDS]    (by `./dev bench`, which sets NETFACADE_BUILD_DIR)
set -eu
bin=$NETFACADE_BUILD_DIR/tests
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# instructions WHO MODE COUNT
instructions() {
    valgrind --tool=callgrind --callgrind-out-file="$work/out" "$bin/bench_calls" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# per_operation COMMAND WHO MODE COUNT: of twice the count less the count, so that the start falls out.
per_operation() {
    once=$("$1" "$2" "$3" "$4")
    twice=$("$1" "$2" "$3" $(($4 * 2)))
    echo "$once $twice $4" | awk '{ printf "%.1f", ($2 - $1) / $3 }'
}

# system_calls WHO MODE COUNT
system_calls() {
    strace -f -c -U calls,name -o "$work/calls" "$bin/bench_calls" "$@" >/dev/null
    awk '$2 == "total" { print $1 }' "$work/calls"
}

bench_row() {
    raw=$(per_operation "$2" raw "$3" "$4")
    facade=$(per_operation "$2" facade "$3" "$4")
    echo "$raw $facade" | awk -v name="$1" \
        '{ printf "  %-34s raw %8.1f   netfacade %8.1f   more %+.1f\n", name, $1, $2, $2 - $1 }'
}

"$bin/bench_compare" "${1:-40}"

echo "user instructions (callgrind), net of start-up and of net_after:"
bench_row "a send and a recv, ready" instructions ready 2000
bench_row "connect, accept, close" instructions connect 500
bench_row "a UDP send and a recv, ready" instructions udp-ready 2000

echo "system calls (strace -c), net of start-up:"
bench_row "a send and a recv, ready" system_calls ready 500
bench_row "a ping and a pong, both sides" system_calls wait 500
bench_row "connect, accept, close" system_calls connect 200
bench_row "a UDP send and a recv, ready" system_calls udp-ready 500
bench_row "a UDP ping and a pong, both sides" system_calls udp-wait 500

echo "heap of a TCP socket: $("$bin/bench_calls" facade heap 1000) bytes, overhead included"

library=$(find "$NETFACADE_BUILD_DIR" -maxdepth 1 -name 'libnetfacade.so.*.*' -type f)
strip -o "$work/stripped.so" "$library"
echo "libnetfacade.so, stripped: $(stat -c %s "$work/stripped.so") bytes"

"$bin/bench_datagrams" "${1:-40}"
