#!/bin/sh
# What others say and how they call themselves, in the examples that print it: nothing controls a
# terminal, forges a line or hides, and no member of a chat looks like another. And somebody
# who answers `discover` or `chat` without end cannot keep it going.
# shellcheck disable=SC2154 # $pid_NAME is set by `member`
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build/examples

if [ "${1:-}" != inside ]; then
    unshare -n true 2>/dev/null || { echo "skipped: no network namespaces here" && exit 77; }
    exec unshare -n sh "$0" inside
fi

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need ip mkfifo nc socat strace timeout
strace -o /dev/null true 2>/dev/null || { echo "skipped: strace may not trace here" && exit 77; }
# shellcheck source=tests/support/members.sh
. "$(dirname "$0")/../support/members.sh"

ip link set lo up multicast on
ip route add 239.0.0.0/8 dev lo src 127.0.0.1 # else the source is 0.0.0.0, which nobody can answer

# Each is followed by the letter x: an escape, C1 in UTF-8 and bare, right-to-left, the ends of lines
# of Unicode, no width (five kinds), a tag, what is not UTF-8 (a bare byte, a long form, a surrogate,
# beyond the last, cut off). And what is harmless.
foreign='\033x\302\233x\233x\342\200\256x\342\200\250x\342\200\251x\302\205x'
foreign=$foreign'\342\200\213x\342\201\240x\357\273\277x\302\255x\343\205\244x\363\240\201\201x'
foreign=$foreign'\377x\300\257x\355\240\200x\364\220\200\200x\342\202x'
harmless='caf\303\251 \327\251\327\234 \360\237\215\265'
shown='?x?x?x?x?x?x?x?x?x?x?x?x?x?x??x???x????x??x'

# as_printed TEXT: what printf makes of it.
as_printed() {
    # shellcheck disable=SC2059 # it is a format
    printf "$1"
}

# ---- chat_server ----

words_of_members() {
    DOORS=2
    serve room "$bin/chat_server" tcp://127.0.0.1:0 udp://127.0.0.1:0
    DOORS=1
    room=$started
    over_tcp=$(echo "$addresses" | sed -n '1s/.*://p')
    over_udp=$(echo "$addresses" | sed -n '2s/.*://p')
    member tea 3 nc 127.0.0.1 "$over_tcp"
    hears tea '* guest-1 is here'
    member milk 4 nc -u 127.0.0.1 "$over_udp"
    say 4 'hello\n'
    hears tea 'guest-2: hello'
    say 4 "$foreign$harmless\n"
    hears tea "$(as_printed "guest-2: $shown$harmless")"
    say 4 'one\n* guest-1 said goodbye\n' # one datagram, two lines
    hears tea 'guest-2: one?* guest-1 said goodbye'
    say 4 'a\0b\rc\td\n'
    hears tea 'guest-2: a?b?c d'
    say 3 "$foreign$harmless\n"
    hears milk "$(as_printed "guest-1: $shown$harmless")"
    ok "what a member says is one line of characters that are seen"
}

# No name but the plain ones, and none that looks like another's or like a word of the server's.
names_of_members() {
    say 3 '/nick Bill-10\n'
    hears milk '* guest-1 is now Bill-10'
    refused=0
    for nick in Bill-10 bill-10 BILL-10 BlLL-1O 'b1l1_i0' 'Bill-10\342\200\213' 'Bi\302\255ll-10' \
        '\320\222ill-10' 'Bill\342\200\22010' 'Bill-10\314\201' 'm\377' you YOU y0u guest-7 Guest-1 guest_1 \
        'a b' a:b '*' '' '\342\200\256' abcdefghijabcdefghijabcdefghij_x; do
        say 4 "/nick $nick\\n"
        refused=$((refused + 1))
        is_refused() {
            ! grep -q '^\* guest-2 is now' "$work/tea.out" || fail "a name: $nick"
            [ "$(grep -cFx '* that name is taken, or is none' "$work/milk.out")" -eq $refused ]
        }
        until_true is_refused
    done
    say 3 '/nick BILL-10\n' # its own, in other letters
    hears milk '* Bill-10 is now BILL-10'
    say 4 '/nick Bill-2_x\n'
    hears tea '* guest-2 is now Bill-2_x'
    never_heard tea '* guest-2 is now Bill-10'
    stopped "$room" 0
    leaves 3 "$pid_tea"
    away "$pid_milk"
    exec 4>&-
    ok "of $refused names that mislead none is taken"
}

# ---- discover ----

# Two servers, one of which lies.
names_of_servers() {
    start honest "$bin/discover" --serve kitchen lo
    honest=$started
    start liar "$bin/discover" --serve "$(as_printed 'k\033[2J\n192.0.2.1:7038 bank\302\233x')" lo
    liar=$started
    until_true grep -q '^listening on ' "$work/honest.err"
    until_true grep -q '^listening on ' "$work/liar.err"
    are_found() {
        timeout 60 "$bin/discover" lo >"$work/found" 2>"$work/found.err" || :
        grep -q '^127.0.0.1:7038 kitchen$' "$work/found" && grep -q bank "$work/found"
    }
    until_true are_found
    grep -qxF '127.0.0.1:7038 k?[2J?192.0.2.1:7038 bank?x' "$work/found" ||
        fail "a name misleads: $(cat -v "$work/found")"
    away "$honest"
    away "$liar"
    ok "the names of servers are shown, and do nothing else"
}

answers_without_end() {
    start flood "$build/tests/flood_answers" 239.255.9.9 40
    flood=$started
    until_true grep -q '^listening$' "$work/flood.out"
    begun=$(date +%s%N)
    # Each receive takes a millisecond more, so that there is always something to receive. Under
    # strace no leak can be looked for.
    ASAN_OPTIONS=detect_leaks=0 timeout 60 strace -f -o "$work/trace" -e trace=recvmsg,recvmmsg,recvfrom \
        -e inject=recvmsg,recvmmsg,recvfrom:delay_exit=1000 "$bin/discover" lo >"$work/found" || :
    took=$((($(date +%s%N) - begun) / 1000000))
    [ "$(sed 's/.*:[0-9]* //' "$work/found" | sort -u)" = 'again and again' ] ||
        fail "no flood: $(cat "$work/found")"
    [ "$took" -lt 20000 ] || fail "it goes on for $took ms: it should for 900"
    away "$flood"
    ok "discover and answers without end: it is over after $took ms"

    # A server of a chat that does not stop either, after the client has said goodbye.
    start flood "$build/tests/flood_answers" 127.0.0.1 40
    flood=$started
    until_true grep -q '^listening$' "$work/flood.out"
    begun=$(date +%s%N)
    timeout 60 "$bin/chat" udp://127.0.0.1:7038 </dev/null >"$work/found" || fail "chat ends with $?"
    took=$((($(date +%s%N) - begun) / 1000000))
    [ "$(sort -u "$work/found")" = 'again and again' ] || fail "no flood: $(head -n 3 "$work/found")"
    [ "$took" -lt 25000 ] || fail "chat goes on for $took ms: it should for 5000"
    away "$flood"
    ok "chat and words without end: it is over after $took ms"
}

# ---- The others ----

echoes() {
    mkfifo "$work/in/liar"
    start liar socat -d -d TCP4-LISTEN:0,bind=127.0.0.1 STDIO
    liar=$started
    exec 3>"$work/in/liar"
    until_true grep -q 'listening on' "$work/liar.err"
    say 3 'h\033[2J\n'
    status=0
    timeout 60 "$bin/echo_client" "tcp://127.0.0.1:$(sed -n 's/.* listening on .*:\([0-9]*\)$/\1/p' \
        "$work/liar.err")" hello >"$work/echo" 2>"$work/echo.err" || status=$?
    [ $status -eq 1 ] || fail "what is no echo ends with $status"
    [ ! -s "$work/echo" ] || fail "what is no echo is printed: $(cat -v "$work/echo")"
    exec 3>&-
    away "$liar"
    ok "echo_client prints echoes only"
}

callers() {
    mkfifo "$work/in/nested"
    exec 5<>"$work/in/nested"
    serve nested "$bin/nested_in_poll" tcp://127.0.0.1:0
    nested=$started
    member caller 3 nc 127.0.0.1 "${addresses##*:}"
    say 3 "$foreign$harmless\nand more\r\n"
    hears nested "$(as_printed "$shown$harmless")" 'and more'
    stopped "$nested" 0
    away "$pid_caller"
    exec 3>&- 5>&-
    ok "nested_in_poll shows foreign text without what leads astray"
}

words_of_members
names_of_members
names_of_servers
answers_without_end
echoes
callers
