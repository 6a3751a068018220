#!/bin/sh
# A million short lines from common programs to twenty lines of C: over loopback and over wires with
# MTUs of 1500 and 576, with default options and a small buffer, by calls that wait and by a poller.
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/tests

if [ "${1-}" != inside ] && unshare -n -m true 2>/dev/null; then
    exec unshare -n -m sh "$0" inside
fi

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need awk head nc sed socat timeout yes

# A million lines take a second or two in the fast cases: these run once for each reader and wire.
# Every other combination gets a part of them.
million=1000000
part=100000
if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    million=20000
    part=20000
elif ! grep -qs 'CMAKE_C_COMPILER:[A-Z]*=.*gcc' "$build/CMakeCache.txt" ||
    grep -qs 'CMAKE_C_FLAGS:[A-Z]*=.*-O0' "$build/CMakeCache.txt"; then
    million=100000
fi

# on_wire COMMAND...: run it at the other end of the wire, or here.
on_wire() {
    "$@"
}

# say SENDER HOST PORT COUNT
say() {
    case $1 in
    nc) yes 0123456789 | head -n "$4" | on_wire nc -N "$2" "$3" ;;
    socat) yes 0123456789 | head -n "$4" | on_wire socat -u - "TCP4:$2:$3" ;;
    loop) on_wire "$bin/send_lines" "$2" "$3" "$4" ;;
    nc_unix) yes 0123456789 | head -n "$4" | nc -N -U "$2" ;;
    socat_unix) yes 0123456789 | head -n "$4" | socat -u - "UNIX-CONNECT:$2" ;;
    esac
}

# expect READER SENDER ADDRESS COUNT: it receives every line, then the end.
expect() {
    start_reader "$bin/lines_$1" "$3"
    where=${address#*://}
    where=${where%%\?*}
    case $3 in
    unix*) say "$2" "$where" '' "$4" || fail "$2 failed" ;;
    *) say "$2" "${where%:*}" "${where##*:}" "$4" || fail "$2 failed" ;;
    esac
    reader_got "$4" "$1 of $2 at $3"
}

# over NAME LISTEN SENDER...: each sender, both readers, both buffers.
over() {
    name=$1
    listen=$2
    shift 2
    for sender in "$@"; do
        count=$million
        for reader_program in count count_by_poller; do
            expect $reader_program "$sender" "$listen" "$count"
            count=$part
        done
        expect count "$sender" "$listen?rcvbuf=64KiB" "$part"
        expect count_by_poller "$sender" "$listen?rcvbuf=64KiB" "$part"
    done
    echo "passed: $million lines over $name from $*"
}

# lay MTU: a wire from here, 10.81.0.1, to another network.
lay() {
    ip link add wire0 mtu "$1" type veth peer name wire0 mtu "$1" netns "$other" &&
        ip addr add 10.81.0.1/24 dev wire0 && ip link set wire0 up &&
        nsenter -t "$other" -n ip addr add 10.81.0.2/24 dev wire0 &&
        nsenter -t "$other" -n ip link set wire0 up
}

is_elsewhere() {
    [ "$(readlink "/proc/$other/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

[ "${1-}" != inside ] || ip link set lo up
over loopback tcp://127.0.0.1:0 nc socat loop
over unix "unix://$work/socket" nc_unix socat_unix

# A line costs one receive that looks and one that takes. $receives is how many receives there were.
count_receives() {
    rm -f "$work/reader.err"
    strace -f -c -o "$work/calls" "$bin/lines_count" tcp://127.0.0.1:0 \
        >"$work/reader.out" 2>"$work/reader.err" &
    reader=$!
    running="$running $reader"
    until_true grep -qs '^listening on ' "$work/reader.err"
    address=$(sed -n 's/^listening on //p' "$work/reader.err")
    "$bin/send_lines" 127.0.0.1 "${address##*:}" 20000 || fail "the sender, under strace"
    wait "$reader" || fail "under strace: $(cat "$work/reader.out")"
    receives=$(awk '$NF == "recvfrom" { print $4 }' "$work/calls")
}

if [ -n "${NETFACADE_SANITIZE:-}" ] || ! strace -o "$work/calls" true 2>/dev/null; then
    echo "skipped: system calls, as strace may not watch here"
else
    count_receives
    if [ "$receives" -lt 40000 ] || [ "$receives" -gt 40100 ]; then
        fail "$receives receives for 20000 lines: $(cat "$work/calls")"
    fi
    echo "passed: $receives receives for 20000 lines"
fi

if [ "${1-}" != inside ] || ! command -v ip >/dev/null || ! command -v nsenter >/dev/null; then
    echo "skipped: wires, which need network namespaces, ip and nsenter"
    exit 77
fi
on_wire() {
    nsenter -t "$other" -n "$@"
}
for mtu in 1500 576; do
    unshare -n sleep 600 &
    other=$!
    running="$running $other"
    until_true is_elsewhere
    lay $mtu || { echo "skipped: no veth pairs here" && exit 77; }
    over "a wire with an MTU of $mtu" tcp://10.81.0.1:0 nc socat loop
    ip link del wire0
    kill "$other"
done
