#!/bin/sh
# The example `netcat` in special cases: every kind of standard input, peers that reset or finish
# first, a terminal, and an idle call. Complete transfers are in examples.sh and local_wires.sh.
# shellcheck disable=SC2154 # $pid_NAME is set by `member`
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
netcat=$build/examples/netcat
peer=$build/tests/scripted_peer

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need cmp mkfifo script timeout
# shellcheck source=tests/support/members.sh
. "$(dirname "$0")/../support/members.sh"

# peer_listens STEP...: at $address.
peer_listens() {
    serve peer "$peer" listen "$@"
    peer_pid=$started
    address=$addresses
}

# from INPUT PROGRAM...: like start, reading INPUT, which may be any kind of file.
from() {
    from_file=$1
    shift
    # shellcheck disable=SC2016 # the inner shell expands it
    start netcat sh -c 'exec "$@" <"$0"' "$from_file" "$@"
    netcat_pid=$started
}

# ---- Standard input ----

inputs() {
    head -c 300000 /dev/zero >"$work/file"
    for kind in "$work/file" /dev/null; do
        size=300000
        [ "$kind" != /dev/null ] || size=0
        peer_listens drink send:9
        from "$kind" "$netcat" "$address"
        ended "$netcat_pid" 0
        ended "$peer_pid" 0
        grep -qx "heard $size" "$work/peer.out" || fail "$kind: $(cat "$work/peer.out")"
        [ "$(wc -c <"$work/netcat.out")" -eq 9 ] || fail "$kind: not nine bytes come back"
    done

    peer_listens drink send:9
    status=0
    head -c 300000 /dev/zero | timeout 60 "$netcat" "$address" >"$work/nine" || status=$?
    [ $status -eq 0 ] || fail "from a pipe it ends with $status"
    ended "$peer_pid" 0
    grep -qx 'heard 300000' "$work/peer.out" || fail "a pipe: $(cat "$work/peer.out")"

    # As nohup(1) leaves it to a program started from a terminal.
    peer_listens drink send:9
    status=0
    timeout 60 "$netcat" "$address" 0>/dev/null >"$work/nine" || status=$?
    [ $status -eq 0 ] || fail "with an input for writing alone it ends with $status"
    ended "$peer_pid" 0
    grep -qx 'heard 0' "$work/peer.out" || fail "for writing alone: $(cat "$work/peer.out")"
    [ "$(wc -c <"$work/nine")" -eq 9 ] || fail "for writing alone: not nine bytes come back"

    # Without standard input, nothing is dialed.
    status=0
    timeout 60 "$netcat" tcp://127.0.0.1:1 <&- >"$work/none.out" 2>"$work/none.err" || status=$?
    [ $status -eq 1 ] || fail "without a standard input it ends with $status"
    grep -q '^netcat: .*fd://0' "$work/none.err" || fail "no good sentence"
    ok "standard input may be a file, a pipe or nothing"
}

# If reading it fails, the peer must not take what it got for the whole.
broken_input() {
    status=0
    timeout 60 "$netcat" tcp://127.0.0.1:1 <"$work" >"$work/none.out" 2>"$work/none.err" ||
        status=$?
    [ $status -eq 1 ] || fail "from a folder it ends with $status"
    grep -q '^netcat: .*fd://0' "$work/none.err" || fail "no good sentence"

    # Few bytes, which the peer has sent before the reset can arrive, and all of which are read: an
    # unread byte alone would turn any close into a reset.
    peer_listens send:9 cut
    member netcat 3 sh -c 'exec "$@" >/dev/full' sh "$netcat" "$address"
    ended "$pid_netcat" 1
    exec 3>&-
    grep -q '^netcat: standard output cannot be written' "$work/netcat.err" || fail "no sentence"
    ended "$peer_pid" 0
    rm "$work/in/netcat"
    ok "what breaks off does not look like an end"
}

# Without a standard output or error, what the peer sends is not written into another descriptor:
# above all not into the call, as an echo.
closed_output() {
    for closed in '>&-' '>&- 2>&-'; do
        peer_listens send:9 gone
        member netcat 3 sh -c "exec \"\$@\" $closed" sh "$netcat" "$address"
        ended "$pid_netcat" 1
        exec 3>&-
        ended "$peer_pid" 0
        grep -qx 'heard 0' "$work/peer.out" || fail "$closed: $(cat "$work/peer.out")"
        rm "$work/in/netcat"
    done
    ok "without a standard output nothing is echoed"
}

# ---- Peers that reset, or finish first ----

# The send fails first. What the peer sent before is still received, and the cause is printed.
resets() {
    times=5
    while [ $times -gt 0 ]; do
        times=$((times - 1))
        peer_listens send:300000 arrived reset
        from /dev/zero "$netcat" "$address"
        ended "$netcat_pid" 1
        ended "$peer_pid" 0
        [ "$(wc -c <"$work/netcat.out")" -eq 300000 ] || fail "its last words are not all heard"
        grep -q '^netcat: .*: reset' "$work/netcat.err" || fail "the cause is not told"
        [ "$(grep -c '^netcat: ' "$work/netcat.err")" -eq 1 ] || fail "it is told twice"
    done
    peer_listens "until:$work/go" reset
    member netcat 3 "$netcat" "$address"
    : >"$work/go"
    ended "$pid_netcat" 1
    ended "$peer_pid" 0
    exec 3>&-
    rm "$work/go" "$work/in/netcat"
    grep -q '^netcat: .*: reset' "$work/netcat.err" || fail "the cause is not told"
    ok "after a reset the peer's last words are heard, and the cause is told"
}

# terminal FILE COMMAND: what it prints on the terminal is in FILE.
terminal() {
    member terminal 4 script -q -e -f -c "$2" "$1"
}

# The peer has finished, and our side has not: what our side sends is still carried.
progress() {
    peer_listens shut recv:3145728 end
    mkfifo "$work/in/long"
    exec 5<>"$work/in/long"
    terminal "$work/screen" "exec '$netcat' $address <'$work/in/long'"
    until_true test -e "$work/screen"
    # The pattern of scripted_peer: each byte is one more than the last, up to a prime.
    awk 'BEGIN { for (i = 0; i < 251; i++) printf "\\%03o", i }' >"$work/format"
    # shellcheck disable=SC2059 # it is a format
    printf "$(cat "$work/format")" >"$work/pattern"
    while [ "$(wc -c <"$work/pattern")" -lt 3145728 ]; do
        cat "$work/pattern" "$work/pattern" "$work/pattern" "$work/pattern" >"$work/four"
        mv "$work/four" "$work/pattern"
    done
    head -c 1048576 "$work/pattern" >&5
    until_true grep -q '1\.0 MiB,' "$work/screen"
    tail -c +1048577 "$work/pattern" | head -c 1048576 >&5
    until_true grep -q '2\.0 MiB,' "$work/screen"
    tail -c +2097153 "$work/pattern" | head -c 1048576 >&5
    until_true grep -q '3\.0 MiB,' "$work/screen"
    exec 5>&-
    ended "$peer_pid" 0
    ended "$pid_terminal" 0
    exec 4>&-
    rm "$work/in/long" "$work/in/terminal"
    ok "the progress is shown while bytes move, also after the peer's end"
}

# Typed text is sent line by line, and ^D is the end. After the peer's end ^D is not needed.
typed() {
    serve server "$build/examples/echo_server" tcp://127.0.0.1:0
    server=$started
    terminal "$work/screen" "stty -echo; exec '$netcat' $addresses"
    say 4 'one line\n'
    until_true grep -q 'one line' "$work/screen"
    say 4 '\004'
    ended "$pid_terminal" 0
    exec 4>&-
    rm "$work/in/terminal"
    stopped "$server" 0

    peer_listens send:9
    terminal "$work/screen" "exec '$netcat' $address"
    ended "$peer_pid" 0
    ended "$pid_terminal" 0
    exec 4>&-
    rm "$work/in/terminal"
    ok "a terminal's lines are carried, and either end is the end"
}

# ---- While nothing happens ----

idle() {
    peer_listens "until:$work/go"
    member netcat 3 "$netcat" "$address"
    until_true test -e "/proc/$pid_netcat/task"
    stays_idle "$pid_netcat"
    [ "$(find "/proc/$pid_netcat/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ] ||
        fail "it has threads"
    : >"$work/go"
    ended "$peer_pid" 0
    leaves 3 "$pid_netcat"
    rm "$work/go" "$work/in/netcat"
    ok "an idle call takes one thread and no processor time"
}

# A late question waits as long for its answer as an early one. On a machine that stalls every
# answer may be too late, so one of several must be received. A program that counted the silence
# before the question would receive none of them.
late_question() {
    serve server "$build/examples/echo_server" udp://127.0.0.1:0
    server=$started
    times=5
    until grep -qsx late "$work/netcat.out"; do
        [ $times -gt 0 ] || fail "it does not wait for the answer"
        times=$((times - 1))
        member netcat 3 "$netcat" "$addresses"
        kill -STOP "$server"
        stays_idle "$pid_netcat" # a second and more
        say 3 'late\n'
        exec 3>&-
        sleep 0.3 # under a second, but too late if the silence before was counted
        kill -CONT "$server"
        ended "$pid_netcat" 0
        rm "$work/in/netcat"
    done
    stopped "$server" 0
    ok "it is quiet for a second after the question, not before"
}

# Messages of framed+ have an end. Both sides half-close, and an answer may come as late as it likes.
late_answer() {
    mkfifo "$work/in/answerer"
    exec 4<>"$work/in/answerer"
    start answerer "$netcat" -l framed+tcp://127.0.0.1:0
    answerer=$started
    until_true grep -qs '^listening on ' "$work/answerer.err"
    member netcat 3 "$netcat" "$(sed -n 's/^listening on //p' "$work/answerer.err")"
    say 3 'a question\n'
    exec 3>&-
    hears answerer 'a question'
    stays_idle "$pid_netcat" # for longer than datagrams would be waited for
    say 4 'a late answer\n'
    exec 4>&-
    ended "$pid_netcat" 0
    ended "$answerer" 0
    [ "$(cat "$work/netcat.out")" = 'a late answer' ] || fail "heard: $(cat "$work/netcat.out")"
    rm "$work/in/netcat" "$work/in/answerer"
    ok "over framed+tcp it waits for the end"
}

# Each socket is full again and again. Everything arrives, and then the end.
much_in_messages() {
    head -c 20000000 /dev/urandom >"$work/file"
    start keeper "$netcat" -l 'framed+tcp://127.0.0.1:0?rcvbuf=4KiB'
    keeper=$started
    until_true grep -qs '^listening on ' "$work/keeper.err"
    from "$work/file" "$netcat" "$(sed -n 's/^listening on //p' "$work/keeper.err")?sndbuf=4KiB"
    ended "$netcat_pid" 0
    ended "$keeper" 0
    cmp "$work/file" "$work/keeper.out" || fail "something else arrives"
    rm "$work/file"
    ok "over framed+tcp all arrives, and then the end"
}

inputs
broken_input
closed_output
resets
progress
typed
idle
late_question
late_answer
much_in_messages
