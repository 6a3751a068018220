#!/bin/sh
# STARTTLS by net_release and tls+fd://: our client against an SMTP server of Python's ssl, which may
# inject plaintext, and our server against openssl s_client and curl; a server behind a proxy that
# knows CONNECT; DNS over TLS by framed+tls:// against unbound.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/tests
here=$(dirname "$0")/tls

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need openssl python3 timeout
[ -x "$bin/tls_mail" ] || { echo "skipped: no tls:// here" && exit 77; }
# A sanitizer's dlopen does not look beside libnetfacade.so.
if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    export LD_LIBRARY_PATH="${bin%/tests}"
fi

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/key.pem" \
    -out "$work/cert.pem" 2>"$work/openssl.err"
: >"$work/openssl.err"

# start NAME COMMAND...: it says on which port it listens: $port, $pid.
start() {
    name=$1
    shift
    : >"$work/$name.out" # of one that ran before
    "$@" >"$work/$name.out" 2>"$work/$name.err" &
    pid=$!
    running="$running $pid"
    until_true grep -qs '^listening on ' "$work/$name.out"
    port=$(sed -n 's/^listening on //p' "$work/$name.out")
    port=${port##*:}
}

stop() {
    kill "$1"
    wait "$1" 2>/dev/null || :
    forget "$1"
}

# says WORDS FILE
says() {
    grep -q "$1" "$work/$2" || fail "not '$1': $(cat "$work/$2")"
}

# ---- Our client ----

start smtp python3 "$here/smtp_server.py" "$work/cert.pem" "$work/key.pem"
within "$bin/tls_mail" "tcp://127.0.0.1:$port" "$work/cert.pem" localhost >"$work/mail" ||
    fail "no mail: $(cat "$work/mail")"
says 'sent to localhost by TLS 1.3' mail
until_true grep -q 'a mail, by TLSv1.3' "$work/smtp.out"
ok "a mail goes to a server of Python's after STARTTLS"

within "$bin/tls_mail" "tcp://127.0.0.1:$port" "$work/cert.pem" other.example >"$work/mail" &&
    fail "another name is taken"
says 'not for other.example' mail
stop "$pid"
ok "a server of another name gets no mail"

for words in '250 evil\r\n' '250 evil' '\x15\x03\x03\x00\x02\x01\x00'; do
    start smtp python3 "$here/smtp_server.py" "$work/cert.pem" "$work/key.pem" "$words"
    within "$bin/tls_mail" "tcp://127.0.0.1:$port" "$work/cert.pem" localhost >"$work/mail" &&
        fail "'$words' is taken for an encrypted answer"
    says '^tls: \|^release: ' mail
    stop "$pid"
done
ok "what was injected behind the answer ends the dial"

# ---- Our server ----

start mailbox "$bin/tls_mailbox" tcp://127.0.0.1:0 "$work/cert.pem" "$work/key.pem" 4
printf 'EHLO a\nNOOP\nQUIT\n' |
    within openssl s_client -starttls smtp -connect "127.0.0.1:$port" -CAfile "$work/cert.pem" \
        -verify_hostname localhost -verify_return_error -quiet -crlf \
        >"$work/client" 2>"$work/client.err" || fail "openssl s_client: $(cat "$work/client.err")"
says '221 bye' client
until_true grep -q 'got QUIT' "$work/mailbox.out"
ok "openssl s_client -starttls smtp talks to our server"

if command -v curl >/dev/null; then
    printf 'Subject: x\r\n\r\nGood day.\r\n' | within curl -sS --ssl-reqd --cacert "$work/cert.pem" \
        "smtp://localhost:$port" --resolve "localhost:$port:127.0.0.1" --mail-from a@localhost \
        --mail-rcpt b@localhost -T - 2>"$work/curl.err" || fail "curl ends with $?"
    until_true grep -q 'mail Good day.' "$work/mailbox.out"
    ok "curl sends a mail to our server"
else
    printf 'QUIT\r\n' | within openssl s_client -starttls smtp -connect "127.0.0.1:$port" -quiet \
        >/dev/null 2>&1 || :
fi

# A caller that sends commands in the clear behind STARTTLS, whole or in part (CVE-2011-0411).
inject() {
    python3 - "$port" "$1" <<'EOF'
import socket, sys
caller = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
caller.settimeout(20)
caller.recv(100)
caller.sendall(b"STARTTLS\r\n" + sys.argv[2].encode().decode("unicode_escape").encode())
try:
    while caller.recv(1000):
        pass
except OSError:
    pass
EOF
}
inject 'MAIL FROM:<evil@localhost>\r\n'
until_true grep -q '^refused: .*does not speak TLS' "$work/mailbox.out"
inject 'MAIL FR'
until_true [ "$(grep -c '^refused: \|^not released: ' "$work/mailbox.out")" -eq 2 ]
! grep -q 'got MAIL FROM:<evil' "$work/mailbox.out" || fail "an injected command is obeyed"
forget "$pid"
ok "commands in the clear behind STARTTLS are not obeyed"

# ---- Through a proxy ----

openssl s_server -accept 127.0.0.1:0 -cert "$work/cert.pem" -key "$work/key.pem" -www \
    >"$work/server.out" 2>"$work/server.err" &
running="$running $!"
until_true grep -qs '^ACCEPT ' "$work/server.out"
server=$(sed -n 's/^ACCEPT //p' "$work/server.out" | head -n 1)
start proxy python3 "$here/connect_proxy.py"
within "$bin/tls_by_proxy" "tcp://127.0.0.1:$port" "$server" "$work/cert.pem" localhost \
    >"$work/page" || fail "no page: $(cat "$work/page")"
says '^HTTP/1.0 200' page
within "$bin/tls_by_proxy" "tcp://127.0.0.1:$port" "$server" "$work/cert.pem" other.example \
    >"$work/page" && fail "another name is taken through a proxy"
says 'not for other.example' page
ok "a page comes through a proxy, and only from the right server"

# ---- DNS ----

if command -v unbound >/dev/null; then
    dns=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])')
    cat >"$work/unbound.conf" <<EOF
server:
    interface: 127.0.0.1@$dns
    port: $dns
    tls-port: $dns
    tls-service-key: "$work/key.pem"
    tls-service-pem: "$work/cert.pem"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-udp: no
    num-threads: 1
    local-zone: "test." static
    local-data: "one.test. A 192.0.2.1"
remote-control:
    control-enable: no
EOF
    unbound -d -c "$work/unbound.conf" 2>"$work/unbound.err" &
    running="$running $!"
    dot="framed+tls://127.0.0.1:$dns?frame=u16&ca=$work/cert.pem"
    until_true "$bin/tls_ask_dns" "$dot" 1 >"$work/dns"
    within "$bin/tls_ask_dns" "$dot" 100 >"$work/dns" || fail "$(cat "$work/dns")"
    says '^100 right of 100$' dns
    within "$bin/tls_ask_dns" "$dot&name=other.example" 1 >"$work/dns" && fail "another name"
    says 'not for other.example' dns
    ok "unbound answers over framed+tls://"
else
    ok "without unbound, nothing is asked over TLS"
fi
