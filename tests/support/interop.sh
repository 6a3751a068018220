# For the tests in tests/interop that are scripts: sourced by them, after `set -eu`. They get a folder
# for their files, $work, whose *.err are shown when they fail, and every pid in $running is ended
# with them.
# shellcheck shell=sh

# need PROGRAM...: they are there, or the test is skipped.
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

# until_true COMMAND...: it succeeds within half a minute.
until_true() {
    tries=300
    until "$@"; do
        [ $tries -gt 0 ] || fail "never came true: $*"
        tries=$((tries - 1))
        sleep 0.1
    done
}
