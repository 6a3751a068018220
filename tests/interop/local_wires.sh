#!/bin/sh
# The examples over the wires within one machine: unix and unixgram, by path and by abstract name,
# and mem; with each other and with nc, socat and curl. Also the files of the sockets.
# shellcheck disable=SC2154 # $pid_NAME is set by `member`
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"

TMPDIR=/tmp # the path of a socket is short
export TMPDIR

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need cmp curl mkfifo nc sha256sum socat stat timeout
# shellcheck source=tests/support/members.sh
. "$(dirname "$0")/../support/members.sh"

# from FILE NAME PROGRAM...: like start, with FILE as standard input.
from() {
    file=$1
    from_name=$2
    shift 2
    # shellcheck disable=SC2016 # the inner shell expands it
    start "$from_name" sh -c 'exec "$@" <"$0"' "$file" "$@"
}

# is_there PATH-OR-@NAME [LISTENING]: a socket has that name. The kernel is asked, not the file
# system.
is_there() {
    grep -q "${2:+ 00010000 .*} $1\$" /proc/net/unix
}

gone() {
    [ ! -e "$1" ] || fail "$1 is still there"
}

# refused STATUS TEXT PROGRAM...: it ends with STATUS, and its message contains TEXT.
refused() {
    wanted=$1
    words=$2
    shift 2
    status=0
    within "$@" >"$work/refused.out" 2>"$work/refused.err" || status=$?
    [ $status -eq "$wanted" ] || fail "instead of $wanted, $status: $*"
    grep -qF "$words" "$work/refused.err" || fail "instead of '$words': $(cat "$work/refused.err")"
}

# ---- Both ends of one call ----

phone_call() { # ADDRESS
    within "$bin/phone_call" "$1" >"$work/spoken" || fail "phone_call $1"
    for line in 'caller: net_recv     hears "Yes, who is calling?"' \
        'callee: net_recv     hears "A friend. Goodbye!"'; do
        grep -qxF "$line" "$work/spoken" || fail "phone_call $1 is about something else"
    done
    ok "phone_call over $1"
}

# ---- Echoes ----

# echoes SCHEME PROGRAM [ADDRESS]: the program sends everything back to three callers at once. Uses
# a path if ADDRESS is not given.
echoes() {
    path=$work/door
    serve server "$bin/$2" "${3-$1://$path}"
    server=$started
    path=${addresses#*://}
    case $1$path in
    unix/*) socat_to=UNIX-CONNECT:$path nc_to="nc -U $path" ;;
    unix@*) socat_to=ABSTRACT-CONNECT:${path#@} nc_to="socat STDIO $socat_to" ;;
    unixgram/*) socat_to=UNIX-SENDTO:$path,bind=$work/me nc_to="nc -u -U -s $work/nc $path" ;;
    unixgram@*)
        socat_to=ABSTRACT-SENDTO:${path#@},bind=me
        nc_to="socat STDIO ABSTRACT-SENDTO:${path#@},bind=nc"
        ;;
    esac
    rm -f "$work/me" "$work/nc" "$work/in"/*
    member socat 3 socat STDIO "$socat_to"
    if [ "$2" != shape_one_at_a_time ]; then
        # shellcheck disable=SC2086 # they are words
        member nc 4 $nc_to
        say 4 'one of nc\n'
        hears nc 'one of nc'
    fi
    say 3 'one\n'
    hears socat one
    if [ "$2" != shape_one_at_a_time ]; then
        within "$bin/echo_client" "$addresses" hello '' 'a longer sentence' >"$work/heard" ||
            fail "echo_client $addresses"
        printf 'hello\n\na longer sentence\n' | cmp -s - "$work/heard" ||
            fail "echo_client $addresses has heard '$(cat "$work/heard")'"
        say 4 'two of nc\n'
        hears nc 'two of nc'
        away "$pid_nc"
        exec 4>&-
    fi
    say 3 'two\n'
    hears socat two
    away "$pid_socat"
    exec 3>&-
    rm -f "$work/me" "$work/nc"
}

echo_server() { # SCHEME [ADDRESS]
    echoes "$1" echo_server "${2-$1://$work/door}"
    [ "$path" != "$work/door" ] || [ "$(stat -c %a "$path")" = 600 ] || fail "$path is open to all"
    stopped "$server" 0
    gone "$work/door"
    ok "echo_server over $addresses"
}

shapes() { # SCHEME
    for shape in one_at_a_time thread_each poller; do
        echoes "$1" "shape_$shape" # a signal ends it, so its file stays for the next
        stopped "$server" 143
        ok "shape_$shape over $1"
    done
    rm -f "$work/door"
}

# ---- netcat, with programs that do not use netfacade ----

# exchanged OUR-NAME THEIR-NAME FILE: both have ended, and each has received everything from the
# other, which has sent FILE.
exchanged() {
    ended "$caller" 0
    ended "$listener" 0
    cmp -s "$3" "$work/$1.out" || fail "$scene: what they said is not what we heard"
    cmp -s "$work/ours" "$work/$2.out" || fail "$scene: what we said is not what they heard"
    ok "$scene"
}

we_listen() { # ADDRESS CALLER...
    scene="netcat -l $1, and ${2##*/}"
    from "$work/ours" listener "$bin/netcat" -l "$1"
    listener=$started
    shift
    until_true grep -qs '^listening on ' "$work/listener.err"
    from "$work/theirs" caller "$@"
    caller=$started
    exchanged listener caller "$work/theirs"
    gone "$work/call"
}

they_listen() { # FILE ADDRESS LISTENER...
    scene="$3 listens, and netcat $2"
    words=$1
    address=$2
    shift 2
    from "$words" listener "$@"
    listener=$started
    until_true is_there "${address#*://}" listening
    from "$work/ours" caller "$bin/netcat" "$address"
    caller=$started
    exchanged caller listener "$words"
    rm -f "$work/call" # nc leaves it there
}

# A peer that answers only after it has received the end.
their_answer() {
    scene="netcat asks, and half-closes"
    start summer socat -t 60 "UNIX-LISTEN:$work/call" SYSTEM:sha256sum
    summer=$started
    until_true is_there "$work/call" listening
    from "$work/ours" asker "$bin/netcat" "unix://$work/call"
    ended "$started" 0
    ended "$summer" 0
    sha256sum <"$work/ours" | cmp -s - "$work/asker.out" || fail "$scene: no sum"
    rm -f "$work/call"
    ok "$scene"
}

# Datagrams have no end: each side receives what the other sends.
datagrams() { # LISTENER CALLER
    say 4 'who is there?\n'
    hears listener 'who is there?'
    say 3 'nobody\n'
    hears caller nobody
    say 4 'then goodbye\n'
    hears listener 'then goodbye'
    exec 3>&- 4>&-
    away "$pid_caller"
    away "$pid_listener"
    rm -f "$work/call" "$work/me" "$work/in"/*
    ok "$1, and $2"
}

netcat_datagrams() {
    member listener 3 "$bin/netcat" -l "unixgram://$work/call"
    until_true is_there "$work/call"
    member caller 4 nc -u -U -s "$work/me" "$work/call" # it connects, so the file is removed soon
    datagrams 'netcat -l unixgram' nc

    member listener 3 "$bin/netcat" -l unixgram://@call
    until_true is_there @call
    member caller 4 socat STDIO ABSTRACT-SENDTO:call,bind=me
    datagrams 'netcat -l unixgram://@call' socat

    member listener 3 nc -l -u -U "$work/call"
    until_true is_there "$work/call"
    member caller 4 "$bin/netcat" "unixgram://$work/call"
    datagrams 'nc -l -u -U' netcat

    serve server "$bin/echo_server" "unixgram://$work/call"
    server=$started
    member asker 3 "$bin/netcat" "unixgram://$work/call"
    say 3 'one\n'
    hears asker one
    leaves 3 "$pid_asker" # when it has been quiet
    stopped "$server" 0
    rm -f "$work/in"/*
    ok "netcat unixgram:// ends by itself"
}

# ---- The files of unix sockets ----

echoed() { # ADDRESS
    within "$bin/echo_client" "$1" hello >"$work/heard" 2>"$work/client.err" ||
        fail "echo_client $1"
    [ "$(cat "$work/heard")" = hello ] || fail "echo_client $1 has heard '$(cat "$work/heard")'"
}

# A killed server leaves its file behind, and the next one takes it over. No server takes it from
# one that is alive. So if eight start at the same time, one gets it.
files() { # SCHEME
    address=$1://$work/door
    serve server "$bin/echo_server" "$address"
    refused 1 "echo_server: listen $address: in use (a process has it open)" \
        "$bin/echo_server" "$address"
    echoed "$address"
    away "$started"
    [ -S "$work/door" ] || fail "a killed server has left no file"
    refused 1 "echo_client: connect $address: refused" "$bin/echo_client" "$address"

    serve server "$bin/echo_server" "$address?mode=0660"
    [ "$(stat -c %a "$work/door")" = 660 ] || fail "$1: the mode is $(stat -c %a "$work/door")"
    echoed "$address"
    away "$started"
    ok "$1: the file of a killed listener is taken over, and no other"

    starters=
    for i in 1 2 3 4 5 6 7 8; do
        start "starter$i" "$bin/echo_server" "$address"
        starters="$starters $started"
    done
    decided() {
        [ "$(cat "$work"/starter*.out "$work"/starter*.err | grep -c "$address")" -eq 8 ]
    }
    until_true decided
    [ "$(cat "$work"/starter*.out | grep -c '^listening on ')" -eq 1 ] || fail "$1: not one has it"
    [ "$(cat "$work"/starter*.err | grep -c ': in use (')" -eq 7 ] || fail "$1: seven are not told"
    echoed "$address"
    # shellcheck disable=SC2086 # pids are words
    kill $starters 2>/dev/null || :
    for starter in $starters; do
        wait "$starter" || :
        forget "$starter"
    done
    gone "$work/door"
    rm -f "$work"/starter*
    ok "$1: of eight listeners that start together on the file of a dead one, one has it"

    echo precious >"$work/door"
    refused 1 "echo_server: listen $address: in use" "$bin/echo_server" "$address"
    [ "$(cat "$work/door")" = precious ] || fail "$1: somebody's file is touched"
    rm "$work/door"
    ok "$1: a file that is no socket is let alone"
}

# ---- The others ----

chat() {
    DOORS=3
    serve room "$bin/chat_server" "unix://$work/room" "unixgram://$work/table" tcp://127.0.0.1:0
    room=$started
    DOORS=1
    member tea 3 nc -U "$work/room"
    hears tea '* guest-1 is here'
    member milk 4 nc -u -U -s "$work/me" "$work/table"
    say 4 'the first word is the call\n'
    hears tea 'guest-2: the first word is the call'
    member honey 5 nc 127.0.0.1 "$(echo "$addresses" | sed -n '3s/.*://p')"
    hears milk '* guest-3 is here'
    say 3 'hello\n'
    hears milk 'guest-1: hello'
    hears honey 'guest-1: hello'
    say 3 '/quit\n'
    hears milk '* guest-1 said goodbye'
    leaves 3 "$pid_tea"
    stopped "$room" 0
    gone "$work/room"
    gone "$work/table"
    away "$pid_milk"
    away "$pid_honey"
    exec 4>&- 5>&-
    rm -f "$work/me"
    ok "chat_server over unix, unixgram and tcp in one room"
}

strangers() {
    serve guard "$bin/guarded_server" "unixgram://$work/guard"
    guard=$started
    within "$bin/guarded_server" --call "unixgram://$work/guard" hello >"$work/heard" ||
        fail "guarded_server --call"
    [ "$(cat "$work/heard")" = hello ] || fail "guarded_server says '$(cat "$work/heard")'"
    away "$guard"
    serve clock "$bin/time_server" "unixgram://$work/clock"
    clock=$started
    member asker 3 nc -u -U -s "$work/me" "$work/clock"
    say 3 '\n'
    until_true grep -Eqs '^20[0-9-]+T[0-9:]+Z$' "$work/asker.out"
    exec 3>&-
    away "$pid_asker"
    away "$clock"
    ok "guarded_server and time_server over unixgram"
}

web() {
    mkdir "$work/site"
    cp "$work/ours" "$work/site/page.txt"
    got() { # CURL-ARGUMENT...
        rm -f "$work/content"
        within curl -sS -f -o "$work/content" "$@" 2>"$work/curl.err" || fail "curl $*"
        cmp -s "$work/ours" "$work/content" || fail "curl $*: another page"
    }
    serve httpd "$bin/httpd" "unix://$work/httpd" "$work/site"
    httpd=$started
    got --unix-socket "$work/httpd" http://here/page.txt
    serve relay "$bin/relay" tcp://127.0.0.1:0 "unix://$work/httpd"
    got "http://127.0.0.1:${addresses##*:}/page.txt"
    stopped "$started" 0
    stopped "$httpd" 0
    gone "$work/httpd"
    serve httpd "$bin/httpd" unix://@httpd "$work/site"
    got --abstract-unix-socket httpd http://here/page.txt
    stopped "$started" 0
    for address in "unixgram://$work/httpd" udp://127.0.0.1:0 memgram://httpd; do
        refused 1 "httpd: $address: HTTP needs a stream" "$bin/httpd" "$address" "$work/site"
    done
    gone "$work/httpd"
    ok "httpd over unix, for curl, and for curl over tcp by the relay"
}

head -c 3145728 /dev/urandom >"$work/ours"
head -c 1234567 /dev/urandom >"$work/theirs"

for address in "unix://$work/phone" unix://@ unix://@phone "unixgram://$work/phone" unixgram://@ \
    mem:// mem://phone memgram:// memgram://phone 'chaos+mem://phone?seed=7&chunk=3' \
    'chaos+unix://@?seed=7&chunk=3'; do
    phone_call "$address"
done
gone "$work/phone"

for scheme in unix unixgram; do
    echo_server $scheme
    echo_server $scheme $scheme://@
    shapes $scheme
    files $scheme
done

we_listen "unix://$work/call" nc -N -U "$work/call"
we_listen "unix://$work/call" socat -t 60 STDIO "UNIX-CONNECT:$work/call"
we_listen unix://@call socat -t 60 STDIO ABSTRACT-CONNECT:call
we_listen "unix://$work/call" "$bin/netcat" "unix://$work/call"
# With -l, nc ends when it has received everything, even if it has more to send.
they_listen /dev/null "unix://$work/call" nc -N -l -U "$work/call"
they_listen "$work/theirs" "unix://$work/call" socat -t 60 "UNIX-LISTEN:$work/call" STDIO
they_listen "$work/theirs" unix://@call socat -t 60 ABSTRACT-LISTEN:call STDIO
their_answer
netcat_datagrams
chat
strangers
web
