#!/bin/sh
# Other languages call the shared library by the plain names: Python, by ctypes and by cffi.
set -eu

source_dir=${NETFACADE_SOURCE_DIR:-.}
library=${NETFACADE_BUILD_DIR:-build/gcc}/libnetfacade.so

if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: Python brings no sanitizer"
    exit 77
fi
# The system's own python3 is the one that has the system's modules.
python=/usr/bin/python3
[ -x $python ] || python=python3
for module in ctypes cffi; do
    if ! $python -c "import $module" 2>/dev/null; then
        echo "skipped: $python with $module is missing"
        exit 77
    fi
done

for module in ctypes cffi; do
    heard=$(timeout 60 $python "$source_dir/tests/interop/bindings/echo_$module.py" "$library" \
        "$source_dir/include/netfacade.h")
    [ "$heard" = hello ] || { echo "$module: heard '$heard'" && exit 1; }
    echo "ok: $module"
done
