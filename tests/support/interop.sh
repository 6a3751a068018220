# For the scripts in tests/interop, which source it after `set -eu`. They get a folder for their
# files, $work. When a script fails, the *.err in it are printed. When it ends, every pid in
# $running is ended too.
# shellcheck shell=sh

# need PROGRAM...: skip the test if one of them is missing.
need() {
    for program in "$@"; do
        if ! command -v "$program" >/dev/null; then
            echo "skipped: $program is missing"
            exit 77
        fi
    done
}

work=$(mktemp -d)
running=

clean_up() {
    for pid in $running; do
        kill "$pid" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "FAILED: $*"
    for log in "$work"/*.err; do
        [ ! -s "$log" ] || { echo "--- ${log##*/}" && tail -n 5 "$log"; }
    done
    exit 1
}

ok() {
    echo "passed: $*"
}

LIMIT=60 # seconds

# within PROGRAM...: run it for LIMIT at most.
within() {
    timeout --foreground "$LIMIT" "$@"
}

# forget PID: it need not be ended any more.
forget() {
    remaining=
    for pid in $running; do
        [ "$pid" = "$1" ] || remaining="$remaining $pid"
    done
    running=$remaining
}

# has_ended PID: it is waited for with this and a limit, since a wait has none.
has_ended() {
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

# ticks PID: of processor time that it has used, CLK_TCK in a second.
ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# memory_of PID: in KiB.
memory_of() {
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# idles PID SPELLS SECONDS MOST WHEN: in one of so many spells of so many seconds it takes at most so
# many ticks. The first may find it finishing something, and some of what another machine took
# counts as its own.
idles() {
    spells=$2
    spent=$(($4 + 1))
    while [ $spent -gt "$4" ]; do
        [ "$spells" -gt 0 ] || fail "$5: $spent ticks in $3 s with nothing to do"
        spells=$((spells - 1))
        before=$(ticks "$1")
        sleep "$3"
        spent=$(($(ticks "$1") - before))
    done
}

# one_of_five COMMAND...: it succeeds in one of five tries, for a machine that stalls spoils some.
one_of_five() {
    times=5
    until "$@"; do
        times=$((times - 1))
        [ $times -gt 0 ] || fail "in none of five tries: $*"
    done
}

# until_true COMMAND...: it succeeds within half a minute.
until_true() {
    tries=300
    until "$@"; do
        [ $tries -gt 0 ] || fail "never came true: $*"
        tries=$((tries - 1))
        sleep 0.1
    done
}

# start_reader PROGRAM ADDRESS: it listens at $address, and writes to reader.out and reader.err.
start_reader() {
    rm -f "$work/reader.err"
    timeout 120 "$1" "$2" >"$work/reader.out" 2>"$work/reader.err" &
    reader=$!
    running="$running $reader"
    until_true grep -qs '^listening on ' "$work/reader.err"
    # shellcheck disable=SC2034 # for the script
    address=$(sed -n 's/^listening on //p' "$work/reader.err")
}

# reader_got COUNT WHAT: it ends well, and all that it got is right.
reader_got() {
    status=0
    wait "$reader" || status=$?
    forget "$reader"
    [ $status -eq 0 ] || fail "$2 ends with $status: $(cat "$work/reader.out")"
    [ "$(cat "$work/reader.out")" = "$1 right, 0 wrong, end" ] ||
        fail "$2: $(cat "$work/reader.out")"
}
