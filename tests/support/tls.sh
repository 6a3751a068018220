# For the tests of tls:// with other programs: sourced after interop.sh, with the folder of the
# examples in $bin. Certificates for localhost, 127.0.0.1 and ::1 are in $keys; those in $strange are
# for other.example, of another authority.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # the tests use what it sets; until_true calls by name

LIMIT=30 # for `within`
source_dir=${NETFACADE_SOURCE_DIR:-.}
keys=$work/keys
strange=$work/strange
ca=ca=$keys/ca.pem
pair="cert=$keys/cert.pem&key=$keys/key.pem"

# The library of ciphers is not built where OpenSSL is missing. Another compiler's build speaks the
# same TLS.
if [ ! -e "${bin%/examples}/libnetfacade-tls.so" ]; then
    echo "skipped: there is no libnetfacade-tls"
    exit 77
fi
if ! grep -qs 'CMAKE_C_COMPILER:[A-Z]*=.*gcc' "${bin%/examples}/CMakeCache.txt"; then
    echo "skipped: once is enough, in the builds of gcc"
    exit 77
fi
# The sanitizer calls dlopen for us, and has another RUNPATH.
if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    export LD_LIBRARY_PATH="${bin%/examples}"
fi
need openssl

make_certificate() {
    sh "$source_dir/examples/make_certificate.sh" "$@" >"$work/certificate.out" \
        2>"$work/certificate.err" || fail "make_certificate.sh $*"
}
make_certificate "$keys"
make_certificate "$strange" other.example

# start NAME PROGRAM...: run it in the background. It reads NAME.in if that is there, else nothing,
# and writes to NAME.out and NAME.err. Its pid is $started.
start() {
    name=$1
    shift
    input=$work/$name.in
    [ -e "$input" ] || input=/dev/null
    rm -f "$work/$name.out" "$work/$name.err"
    "$@" <"$input" >"$work/$name.out" 2>"$work/$name.err" &
    started=$!
    running="$running $started"
}

# listening NAME: its address is $address, its port $port.
listening() {
    until_true grep -qs '^listening on ' "$work/$1.out" "$work/$1.err"
    address=$(cat "$work/$1.out" "$work/$1.err" | sed -n 's/^listening on //p')
    port=${address##*:}
}

# ours NAME PROGRAM...: start one of ours that listens.
ours() {
    start "$@"
    listening "$1"
}

# ended PID STATUS: it ends by itself, with that status.
ended() {
    until_true has_ended "$1"
    status=0
    wait "$1" || status=$?
    forget "$1"
    [ $status -eq "$2" ] || fail "${name-} ends with $status"
}

# away PID...: they are ended.
away() {
    for each in "$@"; do
        kill "$each" 2>/dev/null || :
        wait "$each" 2>/dev/null || :
        forget "$each"
    done
}

# free_port: $port was free a moment ago, for servers that cannot ask the system for one.
free_port() {
    ours finder "$bin/echo_server" tcp://127.0.0.1:0
    away "$started"
}

# Whether a socket listens on $port.
is_served() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$(printf %04X "$port")" '$4 == "0A" && $2 ~ ":" port "$" { found = 1 }
            END { exit !found }'
}

# theirs NAME PROGRAM...: start one of theirs that listens on $port.
theirs() {
    start "$@"
    until_true is_served
}

# holds FILE SIZE: it has so many bytes.
holds() {
    [ "$(wc -c <"$1")" -ge "$2" ]
}

# says FILE TEXT WHAT: soon the text is in that file.
says() {
    soon=100
    until grep -q -- "$2" "$1" 2>/dev/null; do
        [ $soon -gt 0 ] || fail "$3: no '$2' in: $(tail -n 5 "$1")"
        soon=$((soon - 1))
        sleep 0.1
    done
}
