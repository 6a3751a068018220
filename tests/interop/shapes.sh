#!/bin/sh
# The examples `shape_*`, three shapes of one server, with callers that do not use netfacade. Each
# sends back what it receives, over tcp and udp, IPv4 and IPv6. What one idle caller costs the next
# is what docs/server-shapes.md says.
# shellcheck disable=SC2154 # $pid_NAME is set by `member`
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need cmp mkfifo nc socat timeout
# shellcheck source=tests/support/members.sh
. "$(dirname "$0")/../support/members.sh"

# open_server SHAPE ADDRESS: its port is $port.
open_server() {
    serve server "$bin/shape_$1" "$2"
    server=$started
    port=${addresses##*:}
}

# It never ends by itself: SIGTERM ends it.
close_server() {
    stopped "$server" 143
}

# A few words from one caller, and megabytes from another that half-closes and reads to the end. The
# system takes little at once, so the server has to send the rest later.
talk_over_tcp() { # SHAPE FAMILY HOST
    open_server "$1" "tcp://$3:0?sndbuf=4KiB"
    printf 'one\ntwo\n' | timeout 60 socat -t 60 STDIO "TCP$2:$3:$port" >"$work/heard" ||
        fail "$1: a few words"
    printf 'one\ntwo\n' | cmp -s - "$work/heard" || fail "$1: heard '$(cat "$work/heard")'"
    timeout 60 socat -t 60 STDIO "TCP$2:$3:$port" <"$work/much" >"$work/heard" || fail "$1: much"
    cmp -s "$work/much" "$work/heard" || fail "$1: what comes back of much differs"
    close_server
    ok "$1 over tcp, $3"
}

talk_over_udp() { # SHAPE FAMILY HOST
    open_server "$1" "udp://$3:0"
    member "asker_$1_$2" 3 socat STDIO "UDP$2:$3:$port"
    say 3 'one\n'
    hears "asker_$1_$2" one
    say 3 'two\n'
    hears "asker_$1_$2" two
    away "$started"
    close_server
    ok "$1 over udp, $3"
}

# A silent caller is connected. What happens to the next one?
beside_a_silent_one() { # SHAPE SCHEME
    open_server "$1" "$2://127.0.0.1:0"
    protocol=$(echo "$2" | tr '[:lower:]' '[:upper:]')
    member "silent_$1_$2" 3 socat STDIO "$protocol:127.0.0.1:$port"
    silent=$started
    say 3 'hello\n'
    hears "silent_$1_$2" hello
    member "next_$1_$2" 4 socat STDIO "$protocol:127.0.0.1:$port"
    say 4 'am I heard?\n'
    hears "next_$1_$2" 'am I heard?' # for one at a time: when its patience is over
    [ "$1" = one_at_a_time ] || kill -0 "$silent" || fail "$1: the silent one is hung up on"
    [ "$1.$2" != one_at_a_time.tcp ] || ended "$silent" 0
    [ "$1.$2" = one_at_a_time.tcp ] || away "$silent"
    away "$started"
    stays_idle "$server"
    close_server
    ok "$1 over $2, beside a caller that says nothing"
}

# A caller sends without end and never reads. What it sent stays on its side: the server does not
# grow.
beside_a_deaf_one() { # SHAPE
    open_server "$1" tcp://127.0.0.1:0
    # shellcheck disable=SC2016 # the inner shell expands it
    start deaf sh -c 'yes | socat -u STDIN "TCP4:127.0.0.1:$1"' sh "$port"
    deaf=$started
    for word in 1 2 3; do
        echo $word | timeout 60 socat -t 60 STDIO "TCP4:127.0.0.1:$port" >"$work/heard" ||
            fail "$1: word $word"
        [ "$(cat "$work/heard")" = $word ] || fail "$1: beside a deaf one, heard '$(cat "$work/heard")'"
    done
    stays_idle "$server" # the part of the server for this caller waits for room
    resident=$(memory_of "$server")
    [ "${NETFACADE_SANITIZE:-}" ] || [ "$resident" -lt 16384 ] || fail "$1 has $resident KiB"
    close_server
    ended "$deaf" 1 # by a reset
    ok "$1 beside a caller that never reads"
}

hosts='4,127.0.0.1'
! grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || hosts="$hosts 6,[::1]"
head -c 3456789 /dev/urandom >"$work/much"

for shape in one_at_a_time thread_each poller; do
    for host in $hosts; do
        talk_over_tcp $shape "${host%,*}" "${host#*,}"
        talk_over_udp $shape "${host%,*}" "${host#*,}"
    done
    beside_a_silent_one $shape tcp
    beside_a_silent_one $shape udp
done
beside_a_deaf_one thread_each
beside_a_deaf_one poller

status=0
"$bin/shape_poller" nowhere 2>"$work/usage.err" || status=$?
[ $status -eq 1 ] || fail "without an address it ends with $status"
grep -q '^shape_poller: listen nowhere: ' "$work/usage.err" || fail "no good sentence"
