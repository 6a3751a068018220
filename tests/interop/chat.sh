#!/bin/sh
# The example `chat_server` with members that do not use netfacade: over tcp and udp, IPv4 and IPv6
# in one room; and with members that read nothing, send no whole line, send too much, or reset.
# shellcheck disable=SC2154 # $pid_NAME is set by `member`
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need mkfifo nc script socat
# shellcheck source=tests/support/members.sh
. "$(dirname "$0")/../support/members.sh"

# open_room NAME ARGUMENT...: start a server. close_room ends it.
open_room() {
    room=$1
    shift
    serve "$room" "$bin/chat_server" "$@"
    server=$started
}

close_room() {
    stopped "$server" 0
}

# port N: the port of the room's N-th address.
port() {
    echo "$addresses" | sed -n "$1s/.*://p"
}

# ---- All members talk with each other ----

conversation() { # HOST...
    DOORS=$(($# * 2))
    arguments=
    for host in "$@"; do
        arguments="$arguments tcp://$host:0 udp://$host:0"
    done
    # shellcheck disable=SC2086 # they are words
    open_room talk $arguments
    DOORS=1

    member tea 3 nc 127.0.0.1 "$(port 1)"
    hears tea '* welcome; /nick NAME, /quit' '* guest-1 is here'
    member milk 4 nc -u 127.0.0.1 "$(port 2)"
    say 4 'over udp the first word is the call\n'
    hears tea 'guest-2: over udp the first word is the call'
    hears milk '* welcome; /nick NAME, /quit'
    say 3 '/nick tea\n'
    hears milk '* guest-1 is now tea'
    say 4 '/nick tea\n'
    hears milk '* that name is taken, or is none'
    say 4 '/nick milk\n'
    hears tea '* guest-2 is now milk'
    everybody='tea milk'
    if [ $# -gt 1 ]; then
        member lemon 5 nc -6 ::1 "$(port 3)"
        hears lemon '* guest-3 is here'
        say 5 '/nick lemon\n'
        hears milk '* guest-3 is now lemon'
        member sugar 6 nc -6 -u ::1 "$(port 4)"
        say 6 '/nick sugar\n'
        hears tea '* guest-4 is now sugar'
        everybody='tea milk lemon sugar'
    fi

    number=3
    for speaker in $everybody; do
        say $number "this is $speaker,\\tand in \\033[31mred\\n"
        for listener in $everybody; do
            [ "$listener" = "$speaker" ] ||
                hears "$listener" "$speaker: this is $speaker, and in ?[31mred"
        done
        never_heard "$speaker" ': this is '"$speaker" # the speaker itself does not get it back
        number=$((number + 1))
    done
    ok "everybody hears everybody, at $*"

    stays_idle "$server"
    ok "a room of silent members uses no processor time"

    say 3 '/quit\n'
    hears tea '* you said goodbye'
    leaves 3 "$pid_tea"
    hears milk '* tea said goodbye'
    member late 7 nc -N 127.0.0.1 "$(port 1)"
    hears late '* welcome; /nick NAME, /quit'
    say 7 '/nick late\nno end of a line'
    leaves 7 "$pid_late"
    hears milk 'late: no end of a line' '* late hung up'
    close_room
    hears milk '* you stayed to the end'
    if [ $# -gt 1 ]; then
        hears lemon '* you stayed to the end'
        leaves 5 "$pid_lemon"
        away "$pid_sugar"
    fi
    away "$pid_milk"
    ok "everybody hears goodbye"
}

# ---- The example `chat` ----

clients() {
    rm -f "$work/in"/*
    DOORS=2
    open_room clients tcp://127.0.0.1:0 udp://127.0.0.1:0
    DOORS=1
    over_tcp=$(echo "$addresses" | sed -n 1p)
    over_udp=$(echo "$addresses" | sed -n 2p)
    member tea 3 "$bin/chat" "$over_tcp"
    hears tea '* welcome; /nick NAME, /quit' '* guest-1 is here'
    member milk 4 "$bin/chat" "$over_udp" # it sends nothing yet
    hears tea '* guest-2 is here'
    hears milk '* welcome; /nick NAME, /quit'
    say 3 '/nick tea\nthis is tea\n\nhalf a '
    hears milk '* guest-1 is now tea' 'tea: this is tea'
    say 4 'this is milk\n'
    hears tea 'guest-2: this is milk'
    say 3 'line\n'
    hears milk 'tea: half a line'
    head -c 3000 /dev/zero | tr '\0' x >&3
    say 3 '\n' # in parts, since the server takes 1024 bytes
    has_all() {
        [ "$(grep '^tea: x*$' "$work/milk.out" | tr -dc x | wc -c)" -eq 3000 ]
    }
    until_true has_all
    stays_idle "$pid_tea"
    stays_idle "$pid_milk"
    [ "$(find "/proc/$pid_tea/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ] ||
        fail "chat has threads"
    ok "chat hears and says lines, over tcp and udp"

    # A terminal, where ^D is the end.
    member typist 5 script -q -e -f -c "exec '$bin/chat' $over_tcp" /dev/null
    hears tea '* guest-3 is here'
    say 5 'typed by hand\n'
    hears tea 'guest-3: typed by hand'
    say 3 'to whoever types\n'
    until_true grep -q 'tea: to whoever types' "$work/typist.out"
    say 5 '\004'
    ended "$pid_typist" 0
    hears tea '* guest-3 said goodbye'
    exec 5>&-
    leaves 4 "$pid_milk"
    hears milk '* you said goodbye'
    say 3 'the last word'
    leaves 3 "$pid_tea"
    hears tea '* you said goodbye'
    grep -q '^\* guest-2 said goodbye$' "$work/clients.out" || fail "a guest that left over udp said nothing"
    ok "chat leaves at the end of what is typed"

    member late 6 "$bin/chat" "$over_tcp"
    hears late '* welcome; /nick NAME, /quit'
    close_room
    hears late '* you stayed to the end'
    ended "$pid_late" 0
    exec 6>&-
    status=0
    "$bin/chat" "$over_tcp" </dev/null 2>"$work/refused.err" || status=$?
    [ $status -eq 1 ] || fail "chat ends with $status where nobody is"
    grep -q "^chat: connect $over_tcp: refused" "$work/refused.err" || fail "no good sentence"
    ok "chat ends with the server"
}

# Control characters from other members do not reach the terminal, and do not mislead a reader.
foreign_text() {
    printf '\033[31mred \302\233x \342\200\256gnorw \377 \300\257 \355\240\200 caf\303\251 \360\237\215\265\n' \
        >"$work/in.txt"
    expected='?[31mred ?x ?gnorw ? ?? ??? caf\303\251 \360\237\215\265\n'
    mkfifo "$work/in/foreign"
    start foreign socat -d -d "TCP4-LISTEN:0,bind=127.0.0.1" STDIO
    foreign=$started
    exec 3>"$work/in/foreign"
    until_true grep -q 'listening on' "$work/foreign.err"
    member client 4 "$bin/chat" \
        "tcp://127.0.0.1:$(sed -n 's/.* listening on .*:\([0-9]*\)$/\1/p' "$work/foreign.err")"
    cat "$work/in.txt" >&3
    # shellcheck disable=SC2059 # it is a format
    printf "$expected" >"$work/expected"
    is_shown() {
        cmp -s "$work/expected" "$work/client.out"
    }
    until_true is_shown
    leaves 4 "$pid_client"
    exec 3>&-
    ended "$foreign" 0
    ok "chat shows foreign text without what leads astray"
}

# ---- Members that read too slowly ----

lines() { # NAME COUNT: each of 1000 bytes and an end
    awk -v name="$1" -v count="$2" 'BEGIN {
        filling = sprintf("%990s", "")
        gsub(" ", "x", filling)
        for (i = 1; i <= count; i++) printf "%s-%04d%s\n", name, i, substr(filling, length(name) - 4)
    }'
}

# A member that reads too slowly gets a last sentence, and receives it if it reads on. A member that
# never reads leaves nothing behind. Meanwhile the others miss nothing.
slow_readers() {
    DOORS=3
    open_room slow 'tcp://127.0.0.1:0?sndbuf=4KiB' tcp://127.0.0.1:0 udp://127.0.0.1:0
    DOORS=1
    member deaf 3 socat -u STDIN "TCP4:127.0.0.1:$(port 1),rcvbuf=4096" # it sends only
    hears slow '* guest-1 is here'
    member sleepy 4 socat STDIO "TCP4:127.0.0.1:$(port 1),rcvbuf=4096"
    hears sleepy '* guest-2 is here'
    kill -STOP "$pid_sleepy"
    trap 'kill -CONT $pid_sleepy 2>/dev/null || :; clean_up' EXIT
    member quick 5 socat STDIO "TCP4:127.0.0.1:$(port 2)"
    hears quick '* guest-3 is here'
    say 5 '/nick quick\n'
    member over_udp 6 socat STDIO,ignoreeof "UDP4:127.0.0.1:$(port 3),rcvbuf=1048576"
    say 6 '/nick over_udp\n'
    hears quick '* guest-4 is now over_udp'
    member speaker 7 socat STDIO "TCP4:127.0.0.1:$(port 2)"
    say 7 '/nick speaker\n'
    hears quick '* guest-5 is now speaker'

    lines word 200 >"$work/lines"
    begun=$(date +%s%N)
    cat "$work/lines" >&7
    hears slow '* guest-1 read too slowly' '* guest-2 read too slowly'
    kill -CONT "$pid_sleepy"
    ended "$pid_sleepy" 0
    hears sleepy '* you read too slowly'
    sed '/^speaker: /!d; s///' "$work/sleepy.out" >"$work/partly"
    cmp -n "$(wc -c <"$work/partly")" "$work/partly" "$work/lines" || fail "a gap in what came before"
    ok "a guest that reads too slowly is told so, after what was said before"

    for listener in quick over_udp; do
        has_all() {
            [ "$(grep -c '^speaker: ' "$work/$listener.out")" -eq 200 ]
        }
        until_true has_all
        sed '/^speaker: /!d; s///' "$work/$listener.out" | cmp -s - "$work/lines" ||
            fail "what $listener heard differs"
        hears $listener '* guest-1 read too slowly' '* guest-2 read too slowly'
    done
    took=$((($(date +%s%N) - begun) / 1000000))
    [ $took -ge 2500 ] || fail "200 lines took $took ms: 50 as they come, and 20 ms for each of the rest"
    ok "the others miss nothing, at a pace"

    # When the deaf member's time for the last sentence is over, nothing of it is left: the server
    # has the descriptors of quick and the speaker and as many as a room with two members has.
    is_rid_of_it() {
        [ "$(find "/proc/$server/fd" -lname 'socket:*' | wc -l)" -eq 5 ]
    }
    until_true is_rid_of_it
    close_room
    leaves 5 "$pid_quick"
    leaves 7 "$pid_speaker"
    away "$pid_deaf"
    away "$pid_over_udp"
    ok "a guest that never reads is hung up on"
}

# ---- Over framed+tcp ----

# The end is as over tcp: a member that reads too slowly gets whole lines, the last sentence and the
# end; so does one of whose words much is unread. The end comes after a goodbye, and no reset.
framed_members() {
    rm -f "$work/in"/*
    open_room framed 'framed+tcp://127.0.0.1:0?sndbuf=4KiB'
    member tea 3 "$bin/chat" "$addresses"
    hears tea '* welcome; /nick NAME, /quit' '* guest-1 is here'
    member sleepy 4 "$bin/chat" "$addresses?rcvbuf=4KiB"
    hears sleepy '* guest-2 is here'
    member late 5 "$bin/netcat" "$addresses"
    hears late '* guest-3 is here'
    say 3 '/nick tea\nthis is tea\n'
    hears late '* guest-1 is now tea' 'tea: this is tea'
    say 5 'no end of a line'
    hears tea 'guest-3: no end of a line'
    leaves 5 "$pid_late"
    hears tea '* guest-3 hung up'
    ok "members over framed+tcp talk, and an end is one"

    kill -STOP "$pid_sleepy"
    trap 'kill -CONT $pid_sleepy 2>/dev/null || :; clean_up' EXIT
    lines word 400 >"$work/lines"
    cat "$work/lines" >&3
    hears tea '* guest-2 read too slowly'
    kill -CONT "$pid_sleepy"
    ended "$pid_sleepy" 0
    hears sleepy '* you read too slowly'
    sed '/^tea: word/!d; s/^tea: //' "$work/sleepy.out" >"$work/partly"
    [ "$(wc -l <"$work/partly")" -ge 50 ] || fail "too little of what came before"
    cmp -n "$(wc -c <"$work/partly")" "$work/partly" "$work/lines" || fail "a gap in what came before"
    close_room # while much of what tea says is unread
    hears tea '* you stayed to the end'
    ended "$pid_tea" 0
    exec 3>&- 4>&-
    ok "a goodbye over framed+tcp is followed by the end"
}

# ---- Members that send no whole line, send too much, or reset ----

bad_manners() {
    DOORS=2
    open_room manners -s 3 tcp://127.0.0.1:0 'udp://127.0.0.1:0?idle=120s'
    DOORS=1
    member good 3 nc -u 127.0.0.1 "$(port 2)"
    say 3 '/nick good\n'
    hears good '* guest-1 is now good'

    # A byte at a time, for far longer than a line may take.
    mkfifo "$work/in/dripping"
    start dripping nc 127.0.0.1 "$(port 1)"
    dripping=$started
    drip() {
        drops=300
        while [ $drops -gt 0 ] && ! grep -q 'guest-2 kept' "$work/manners.out"; do
            printf .
            drops=$((drops - 1))
            sleep 0.1
        done
    }
    drip >"$work/in/dripping" &
    hears good '* guest-2 is here' '* guest-2 kept silent for too long'
    ended "$dripping" 0
    hears dripping '* you kept silent for too long'
    ok "a byte at a time is silence"

    # As long as a line may be, and longer.
    member long 4 nc 127.0.0.1 "$(port 1)"
    lines '' 1 | sed 's/.*/&&/' >"$work/two"
    head -c 1023 "$work/two" >&4
    say 4 '\n'
    until_true grep -q "^guest-3: .*xxx$" "$work/good.out"
    cat "$work/two" >&4
    hears long '* you said too long a line'
    leaves 4 "$pid_long"
    cat "$work/two" >&3
    hears good '* that was too long, nobody heard it'
    ok "a line has its bounds"

    # A reset in the middle of a line, and in the middle of what the server sends.
    member broken 5 socat STDIO "TCP4:127.0.0.1:$(port 1),linger=0"
    hears broken '* guest-4 is here'
    say 5 'half a li'
    away "$pid_broken"
    hears good '* guest-4 lost the connection'
    member heard 6 socat STDIO "TCP4:127.0.0.1:$(port 1)"
    hears heard '* guest-5 is here'
    say 3 'is anybody there?\n'
    hears heard 'good: is anybody there?'
    stays_idle "$server"
    ok "a reset is nobody else's"
    close_room
    leaves 6 "$pid_heard"
    away "$pid_good"

    DOORS=1
    open_room idle 'udp://127.0.0.1:0?idle=1s'
    member brief 7 nc -u 127.0.0.1 "$(port 1)"
    say 7 'hello\n'
    hears brief '* guest-1 is here' '* you fell silent'
    say 7 'again\n'
    hears brief '* guest-2 is here'
    close_room
    away "$pid_brief"
    ok "over udp silence is the end, and a word a new beginning"
}

# ---- Many that come at once ----

# Each is announced to all: they are let in at a pace, 50 as they come and then one in 20 ms.
crowd() {
    open_room crowd tcp://127.0.0.1:0
    member host 3 nc 127.0.0.1 "$(port 1)"
    hears host '* guest-1 is here'
    begun=$(date +%s%N)
    start guests "$bin/../tests/slow_http" silent "$(port 1)" 120
    guests=$started
    hears host '* guest-121 is here'
    took=$((($(date +%s%N) - begun) / 1000000))
    [ $took -ge 1300 ] || fail "120 guests within $took ms"
    stays_idle "$server"
    close_room
    leaves 3 "$pid_host"
    away "$guests"
    ok "120 guests are let in within $took ms"
}

# ---- No descriptors ----

full_room() {
    serve full sh -c 'ulimit -n 64 && exec "$@"' sh "$bin/chat_server" tcp://127.0.0.1:0
    server=$started
    early=
    for i in $(seq 1 40); do
        start early nc -d 127.0.0.1 "$(port 1)"
        early="$early $started"
    done
    for i in $(seq 41 80); do
        start late_"$i" nc -d 127.0.0.1 "$(port 1)"
    done
    are_here() {
        [ "$(grep -c 'is here$' "$work/full.out")" -ge "$1" ]
    }
    until_true are_here 50
    stays_idle "$server"
    ! are_here 64 || fail "more members than descriptors"
    for pid in $early; do
        away "$pid"
    done
    until_true are_here 80
    close_room
    ok "a full room waits for room without spinning"
}

# ---- Usage ----

usage() {
    for arguments in '-x' '-s' '-s 1x tcp://127.0.0.1:0' '-s 0' '-s -1' '-s 0 -s 5'; do
        status=0
        # shellcheck disable=SC2086 # they are words
        "$bin/chat_server" $arguments 2>"$work/usage.err" || status=$?
        [ $status -eq 2 ] || fail "chat_server $arguments ends with $status"
        grep -q '^usage: chat_server' "$work/usage.err" || fail "chat_server $arguments: no usage"
    done
    open_room twice tcp://127.0.0.1:0
    status=0
    "$bin/chat_server" "$addresses" 2>"$work/usage.err" || status=$?
    [ $status -eq 1 ] || fail "the second server ends with $status"
    grep -q "^chat_server: listen $addresses: " "$work/usage.err" || fail "no good sentence"
    close_room
    ok "it tells how it is used"
}

usage
hosts=127.0.0.1
! grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || hosts='127.0.0.1 [::1]'
# shellcheck disable=SC2086 # they are words
conversation $hosts
clients
foreign_text
slow_readers
framed_members
bad_manners
crowd
full_room
