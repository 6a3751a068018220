#!/bin/sh
# The examples over tls://, with nothing changed but the address: a phone call, an echo, a chat, a
# file, a relay on either side. A certificate made by make_certificate.sh. What a socket holds back
# of a send is not lost when the peer has finished before it is out.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/tls.sh
. "$(dirname "$0")/../support/tls.sh"
need cmp mkfifo nc timeout

# ---- Made by the script ----

certificate() {
    mode=$(stat -c %a "$keys/key.pem")
    [ "$mode" = 600 ] || fail "others may read the key: $mode"
    openssl verify -CAfile "$keys/ca.pem" -purpose sslserver -verify_hostname localhost \
        "$keys/cert.pem" >"$work/verify" 2>&1 || fail "$(cat "$work/verify")"
    openssl verify -CAfile "$keys/ca.pem" -verify_ip ::1 "$keys/cert.pem" >"$work/verify" 2>&1 ||
        fail "$(cat "$work/verify")"
    ! openssl verify -CAfile "$keys/ca.pem" "$strange/cert.pem" >"$work/verify" 2>&1 ||
        fail "two authorities are one"
    before=$(cksum "$keys/key.pem")
    for arguments in "$keys" "$work/none a,b" "$work/none a\$b" "$work/none 1.2.3.400"; do
        status=0
        # shellcheck disable=SC2086 # they are words
        sh "$source_dir/examples/make_certificate.sh" $arguments >"$work/made" 2>&1 || status=$?
        [ $status -eq 1 ] || fail "make_certificate.sh $arguments ends with $status"
        grep -q '^make_certificate.sh: ' "$work/made" || fail "no sentence: $arguments"
        [ ! -e "$work/none/key.pem" ] || fail "something is made for $arguments"
    done
    [ "$before" = "$(cksum "$keys/key.pem")" ] || fail "a key is written over"
    ok "make_certificate.sh"
}

# ---- One program after another ----

# A listener's address has no option, so the system's store has to name the authority.
phone_call() { # ADDRESS
    SSL_CERT_FILE=$keys/ca.pem within "$bin/phone_call" "$1?$pair" >"$work/call" \
        2>"$work/call.err" || fail "phone_call $1"
    [ "$(wc -l <"$work/call")" -eq 11 ] || fail "$(cat "$work/call")"
    grep -q '^callee: net_recv     hears "A friend. Goodbye!"' "$work/call" || fail "$(cat "$work/call")"
    ok "a phone call over $1"
}

echo_to_many() { # ADDRESS OPTIONS
    ours server "$bin/echo_server" "$1?$pair"
    server=$started
    start other "$bin/echo_client" "$address?$2" one two three
    other=$started
    within "$bin/echo_client" "$address?$2" hello 'a longer sentence' >"$work/heard" \
        2>"$work/client.err" || fail "echo_client $address"
    printf 'hello\na longer sentence\n' | cmp -s - "$work/heard" || fail "echo over $address"
    name=other
    ended "$other" 0
    printf 'one\ntwo\nthree\n' | cmp -s - "$work/other.out" || fail "echo to two over $address"
    kill "$server"
    name=echo_server
    ended "$server" 0
    ok "echo over $1"
}

chat() {
    ours room "$bin/chat_server" "tls://127.0.0.1:0?$pair" tcp://127.0.0.1:0
    room=$started
    address=$(echo "$address" | head -n 1)
    mkfifo "$work/tea.in" "$work/milk.in"
    exec 8<>"$work/tea.in" 9<>"$work/milk.in"
    start tea "$bin/chat" "tls://localhost:${address##*:}?$ca"
    tea=$started
    says "$work/tea.out" 'guest-1 is here' tea
    start milk nc -N 127.0.0.1 "$port"
    milk=$started
    echo '/nick milk' >&9
    says "$work/tea.out" 'is now milk' tea
    echo 'a word of tea' >&8
    says "$work/milk.out" 'guest-1: a word of tea' milk
    echo 'a word of milk' >&9
    says "$work/tea.out" 'milk: a word of milk' tea
    echo /quit >&8
    name=chat
    ended "$tea" 0
    kill "$room"
    name=chat_server
    ended "$room" 0
    away "$milk"
    exec 8>&- 9>&-
    rm "$work/tea.in" "$work/milk.in"
    ok "a chat: one over tls, one over tcp"
}

# A relay ends TLS for a server without it; another begins it for a client without it.
relays() {
    ours server "$bin/echo_server" tcp://127.0.0.1:0
    server=$started
    ours terminator "$bin/relay" "tls://127.0.0.1:0?$pair" "$address"
    terminator=$started
    ours dialer "$bin/relay" tcp://127.0.0.1:0 "tls://localhost:$port?$ca"
    dialer=$started
    head -c 2000000 /dev/urandom >"$work/random"
    : >"$work/heard"
    # shellcheck disable=SC2094 # the reader waits until it is there
    { cat "$work/random" && until_true holds "$work/heard" 2000000; } | tee "$work/said" |
        within "$bin/netcat" "$address" >"$work/heard" 2>"$work/netcat.err" || fail "netcat"
    cmp -s "$work/said" "$work/heard" || fail "other bytes come back"
    for each in "$dialer" "$terminator" "$server"; do
        kill "$each"
        name=$each
        ended "$each" 0
    done
    ok "two relays: TLS between them"
}

# ---- What is held back ----

size=1048576 # a multiple of the buffers of the examples
head -c $size /dev/urandom >"$work/sent"

same() {
    cmp -s "$work/sent" "$work/received.out" || fail "$1: $(wc -c <"$work/received.out") of $size bytes"
}

# received: a netcat that has said its end at once receives all, and a good end. It has little room.
receiver() {
    ours received "$bin/netcat" -l "tls://127.0.0.1:0?$pair&rcvbuf=4KiB"
    receiver=$started
}

held_back() {
    receiver
    within "$bin/netcat" "tls://localhost:$port?$ca&sndbuf=4KiB" <"$work/sent" >"$work/nothing" \
        2>"$work/sender.err" || fail "netcat ends with $?"
    name="netcat that receives from netcat"
    ended "$receiver" 0
    same "netcat"

    receiver
    ours relay "$bin/relay" tcp://127.0.0.1:0 "tls://localhost:$port?$ca&sndbuf=4KiB"
    relay=$started
    within "$bin/netcat" "$address" <"$work/sent" >"$work/nothing" 2>"$work/sender.err" ||
        fail "netcat ends with $?"
    name="netcat that receives from relay"
    ended "$receiver" 0
    same "relay"
    away "$relay"

    ok "the last records arrive at a peer that has finished"
}

# connections COUNT: httpd has so many.
connections() {
    [ "$(find "/proc/$server/fd" -lname 'socket:*' | wc -l)" -eq $(($1 + 1)) ]
}

# A caller that has asked and ended, and whose output is full: the second of two records is not out
# when httpd has done its part. A server that did not wait would hang up within these tenths.
held_back_of_an_answer() {
    mkdir "$work/www"
    head -c 32500 "$work/sent" >"$work/www/sent"
    ours httpd "$bin/httpd" "tls://127.0.0.1:0?$pair&sndbuf=4KiB" "$work/www"
    server=$started
    mkfifo "$work/full"
    exec 8<>"$work/full"
    head -c 65536 /dev/zero >&8
    printf 'GET /sent HTTP/1.0\r\n\r\n' |
        timeout 30 "$bin/netcat" "tls://localhost:$port?$ca&rcvbuf=4KiB" >&8 2>"$work/asker.err" &
    asker=$!
    running="$running $asker"
    until_true connections 1
    for _ in 1 2 3 4 5; do
        ! connections 1 || sleep 0.1
    done
    cat <"$work/full" >"$work/answer" 8>&- &
    reader=$!
    exec 8>&-
    name="netcat that asks httpd"
    ended "$asker" 0
    wait "$reader"
    tail -c 32500 "$work/answer" | cmp -s "$work/www/sent" - || fail "httpd: a part of its answer"
    away "$server"
    ok "the last record of an answer arrives at a caller that has finished"
}

certificate
phone_call tls://127.0.0.1:0
phone_call "tls://localhost:0"
echo_to_many tls://127.0.0.1:0 "$ca"
echo_to_many "tls+unix://$work/echo" "$ca&name=localhost"
chat
relays
held_back
held_back_of_an_answer
