# For the scripts in tests/interop, which source it before interop.sh: it starts the script again.
# If the system allows it, the script runs in a network of its own without a route out, so that no
# other program takes a port or an abstract name.
# shellcheck shell=sh

if [ "${1-}" != inside ] && unshare -n ip link set lo up 2>/dev/null; then
    exec unshare -n sh "$0" inside
fi
[ "${1-}" != inside ] || ip link set lo up
