#!/bin/sh
# Runs one test program under valgrind: no bad access, no leak, and no descriptor left open.
# usage: memcheck.sh PROGRAM
set -u

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

valgrind --tool=memcheck --leak-check=full --track-fds=yes --error-exitcode=99 \
    --suppressions="$(dirname "$0")/memcheck.supp" --child-silent-after-fork=yes --log-file="$log" "$1"
status=$?

# "FILE DESCRIPTORS: 3 open (3 std) at exit.": valgrind counts open descriptors, but does not report
# them as an error.
counted=$(sed -n 's/.*FILE DESCRIPTORS: \([0-9]*\) open (\([0-9]*\) std) at exit.*/\1 \2/p' "$log")
inherited=$(grep -c '<inherited from parent>' "$log")
if [ $status -eq 0 ] && [ "${counted% *}" -gt $((${counted#* } + inherited)) ]; then
    echo "descriptors were left open"
    status=98
fi
[ $status -eq 0 ] || cat "$log"
exit $status
