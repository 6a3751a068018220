#!/bin/sh
# libnetfacade.so is small: stripped, it has less than 316 KiB, with the layer that carries ciphers.
# clang inlines more when it links, and gets 376.
set -eu

library=${NETFACADE_BUILD_DIR:-build/gcc}/libnetfacade.so
limit=$((316 * 1024))

if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: a sanitizer makes the library larger"
    exit 77
fi
if readelf -p .comment "$library" | grep -q clang; then
    limit=$((376 * 1024))
fi

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$library"
size=$(wc -c <"$stripped")
if [ "$size" -ge $limit ]; then
    echo "$library, stripped, has $size bytes; the limit is $limit"
    exit 1
fi
