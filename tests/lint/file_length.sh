#!/bin/sh
# One file, one noun: at most 500 lines. (clang-tidy counts the 60 lines of a function.)
set -eu

cd "${NETFACADE_SOURCE_DIR:-.}"
long=$(find include src examples tests -name '*.[ch]' -exec awk '
    FNR == 501 { print FILENAME " has more than 500 lines" }' {} +)
if [ -n "$long" ]; then
    echo "$long"
    exit 1
fi
