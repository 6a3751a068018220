#!/bin/sh
# echo_server is replaced under load, on a listening socket that another program keeps. No caller
# notices. The server takes the socket by its name, or by its number.
set -eu

build=${NETFACADE_BUILD_DIR:-build/gcc}

# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
need timeout

for address in systemd://echo fd://3; do
    timeout --foreground 150 "$build/tests/socket_keeper" 6 "$build/examples/echo_server" \
        "$address" 2>"$work/keeper.err" || fail "a restart of echo_server $address"
    echo "passed: restarts of echo_server $address"
done
