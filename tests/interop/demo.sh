#!/bin/sh
# Runs `./dev demo` to its end, with output files of the background programs that appear late. The
# demo looks for an address in them, and must not take a slow start for a failed one.
set -eu

source_dir=$(cd "${NETFACADE_SOURCE_DIR:-$PWD}" && pwd)
bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples
bin=$(cd "$bin" && pwd)
delay_us=300000 # by then address_of has looked

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need cmp openssl sha256sum strace timeout

# The examples are built already, everything is installed, and a smaller file shows the same.
mkdir -p "$work/tree/build/release" "$work/path" "$work/demo"
cp "$source_dir/dev" "$work/tree/dev"
ln -s "$bin" "$work/tree/build/release/examples"
ln -s "$source_dir/examples" "$work/tree/examples"
echoes=2
if [ -e "$bin/../libnetfacade-tls.so" ]; then
    ln -s "$bin/../libnetfacade-tls.so" "$work/tree/build/release"
    echoes=3
fi
real_head=$(command -v head)
stub() { # NAME SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$work/path/$1"
    chmod +x "$work/path/$1"
}
stub cmake 'exit 0'
stub dpkg-query "for word; do echo \"\$word installed\"; done"
stub mktemp "[ ! -e '$work/once' ] || exec '$(command -v mktemp)' \"\$@\"
: >'$work/once'
echo '$work/demo'"
stub head "shift 2; exec '$real_head' -c 1000000 \"\$@\""

# LeakSanitizer does not work where another tool traces.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
# The sanitizer calls dlopen for us, and has another RUNPATH.
[ -z "${NETFACADE_SANITIZE:-}" ] || export LD_LIBRARY_PATH="$bin/.."
status=0
PATH=$work/path:$PATH strace -f -qq -o "$work/trace" -P "$work/demo/echo_tcp" \
    -P "$work/demo/echo_udp" -P "$work/demo/echo_tls" -P "$work/demo/received" -e trace=openat \
    -e inject=openat:delay_enter=$delay_us sh "$work/tree/dev" demo \
    >"$work/demo.out" 2>"$work/demo.err" || status=$?
if grep -q 'PTRACE_TRACEME\|ptrace.*not permitted' "$work/demo.err"; then
    echo "skipped: nothing may be traced here"
    exit 77
fi
[ $status -eq 0 ] || fail "./dev demo ends with $status: $(tail -n 3 "$work/demo.out")"
grep -q O_CREAT "$work/trace" || fail "no start was slow: nothing is shown"
[ "$(grep -c '^echo_server listens on ' "$work/demo.out")" -eq $echoes ] || fail "not $echoes echoes"
[ "$(tail -n 1 "$work/demo.out")" = 'Every byte arrived.' ] || fail "$(tail -n 3 "$work/demo.out")"
echo "passed: the demo, whose programs start slowly"
