#!/bin/sh
# qemu-user accepts MADV_WIPEONFORK and does nothing. There a child must be told from its parent
# by another way than a page that a fork wipes, and each test of that must pass under it.
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need timeout uname
[ -z "${NETFACADE_SANITIZE:-}" ] || { echo "skipped: a sanitizer needs the real system" && exit 77; }
emulator=qemu-$(uname -m)
! command -v "$emulator-static" >/dev/null || emulator=$emulator-static
need "$emulator"

tests=0
for test in unit_os_process regress_fork_a_child_with_its_parents_number \
    regress_fork_a_late_descendants_close_resets_nothing; do
    within "$emulator" "$build/tests/test_$test" >"$work/out.err" 2>&1 || fail "$test"
    passed=$(grep -c '  OK \]' "$work/out.err") || :
    tests=$((tests + passed))
    if [ "$passed" -gt 0 ]; then
        ok "$test: $passed tests under $emulator"
    else
        echo "skipped: $test skips all its tests under $emulator"
    fi
done
[ $tests -gt 0 ] || exit 77
