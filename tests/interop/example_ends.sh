#!/bin/sh
# How the examples end: a signal leaves no file of a unix socket behind, nohup is respected, and who
# reads the output of a server may go away.
# shellcheck disable=SC2154 # $pid_NAME is set by `member`
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/examples
peer=$build/tests/scripted_peer

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need env mkfifo nc nohup timeout
# shellcheck source=tests/support/members.sh
. "$(dirname "$0")/../support/members.sh"

place=$work/place

# is_there: it listens.
is_there() {
    [ -S "$place" ] && grep -qs '^listening on ' "$work/server.out" "$work/server.err"
}

# ends_by SIGNAL PROGRAM...: it listens at $place, gets the signal, and leaves no file. Background
# jobs of a script ignore SIGINT: `env` undoes that.
ends_by() {
    signal=$1
    shift
    mkfifo "$work/in/server"
    exec 3<>"$work/in/server" # an input that does not end
    start server env --default-signal=INT,HUP "$@"
    server=$started
    until_true is_there
    kill "-$signal" "$server"
    until_true has_ended "$server"
    wait "$server" 2>/dev/null || :
    forget "$server"
    exec 3>&-
    rm "$work/in/server"
    if [ -e "$place" ]; then
        rm "$place"
        leavers="$leavers ${1##*/}:$signal"
    fi
}

no_file_is_left() {
    leavers=
    for signal in TERM INT HUP; do
        ends_by "$signal" "$bin/echo_server" "unix://$place"
        ends_by "$signal" "$bin/chat_server" "unix://$place"
        ends_by "$signal" "$bin/httpd" "unix://$place" "$work"
        ends_by "$signal" "$bin/time_server" "unixgram://$place"
        ends_by "$signal" "$bin/nested_in_poll" "unix://$place"
        ends_by "$signal" "$bin/relay" "unix://$place" mem://nobody
        ends_by "$signal" "$bin/netcat" -l "unix://$place"
    done
    [ -z "$leavers" ] || fail "a file is left by$leavers"
    ok "no file is left"
}

# A server that cannot begin because of another argument leaves none either.
no_file_is_left_by_a_mistake() {
    leavers=
    for mistake in "chat_server unix://$place no-such://address" "relay unix://$place no-such://address"; do
        status=0
        # shellcheck disable=SC2086 # words
        timeout --foreground 20 "$bin/"$mistake >"$work/mistake.out" 2>&1 || status=$?
        [ $status -eq 1 ] || fail "$mistake ends with $status"
        [ ! -e "$place" ] || leavers="$leavers ${mistake%% *}"
        rm -f "$place"
    done
    [ -z "$leavers" ] || fail "a file is left by$leavers"
    ok "no file is left by a mistake"
}

# nohup ignores SIGHUP for them, and they leave it at that.
nohup_lasts() {
    for program in "echo_server unix://$place" "chat_server unix://$place" "httpd unix://$place $work" \
        "time_server unixgram://$place" "relay unix://$place mem://nobody"; do
        # shellcheck disable=SC2086 # words
        start server nohup "$bin/"$program
        server=$started
        until_true is_there
        kill -HUP "$server"
        kill -HUP "$server"
        stopped "$server" 0
        [ ! -e "$place" ] || fail "${program%% *} leaves a file"
    done
    ok "after nohup SIGHUP is nothing"
}

# The reader of chat_server's output leaves, and the members do not notice.
reader_leaves() {
    mkfifo "$work/output"
    exec 4<>"$work/output"
    "$bin/chat_server" "unix://$place" 4>&- >"$work/output" 2>"$work/chat.err" &
    server=$!
    running="$running $server"
    head -n 1 <&4 >"$work/first"
    exec 4>&-
    member tea 3 nc -U "$place"
    hears tea '* guest-1 is here'
    member milk 5 nc -U "$place"
    hears tea '* guest-2 is here'
    say 5 'still there?\n'
    hears tea 'guest-2: still there?'
    stopped "$server" 0
    leaves 3 "$pid_tea"
    leaves 5 "$pid_milk"
    ok "a server outlives the reader of its output"
}

# So it is with nested_in_poll, which prints what a caller says and tells it what is typed.
reader_of_nested_leaves() {
    mkfifo "$work/output3" "$work/in/nested"
    exec 4<>"$work/output3" 6<>"$work/in/nested"
    "$bin/nested_in_poll" "unix://$place" 4>&- 6>&- >"$work/output3" 2>"$work/nested.err" \
        <"$work/in/nested" &
    server=$!
    running="$running $server"
    head -n 1 <&4 >"$work/first"
    exec 4>&-
    member bread 3 nc -U "$place"
    is_told() {
        say 6 'who is there?\n' # again, until bread is there
        sleep 0.1
        grep -Fqsx 'who is there?' "$work/bread.out"
    }
    until_true is_told
    say 3 'nobody reads this\n'
    sleep 0.5
    say 6 'still there?\n'
    hears bread 'still there?'
    stopped "$server" 0
    leaves 3 "$pid_bread"
    exec 6>&-
    ok "nested_in_poll outlives the reader of its output"
}

# The reader of netcat's output leaves. That is no good end: the peer sees a reset. It must not take
# the half it could send for all that was wanted.
reader_of_netcat_leaves() {
    start target "$peer" listen send:9 "until:$work/gone" send:9 cut
    target=$started
    until_true grep -qs '^listening on ' "$work/target.out"
    mkfifo "$work/output2" "$work/in/netcat"
    exec 4<>"$work/output2" 6<>"$work/in/netcat"
    # shellcheck disable=SC2016 # the inner shell expands them
    start netcat sh -c 'exec "$@" >"$0"' "$work/output2" "$bin/netcat" \
        "tcp://127.0.0.1:$(sed -n 's/^listening on .*://p' "$work/target.out")"
    caller=$started
    head -c 9 <&4 >"$work/first"
    exec 4>&-
    : >"$work/gone"
    ended "$caller" 1
    ended "$target" 0
    exec 6>&-
    ok "netcat breaks off when nobody reads its output"
}

no_file_is_left
no_file_is_left_by_a_mistake
nohup_lasts
reader_leaves
reader_of_nested_leaves
reader_of_netcat_leaves
