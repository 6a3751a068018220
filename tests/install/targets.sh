#!/bin/sh
# Other C libraries and other widths: the library compiles for musl and for 32 bits without a warning,
# and a phone call runs there.
set -eu

source_dir=${NETFACADE_SOURCE_DIR:-.}
build_dir=${NETFACADE_BUILD_DIR:-build/gcc}
if [ -n "${NETFACADE_SANITIZE:-}" ] || ! grep -q '^CMAKE_C_COMPILER:.*gcc$' "$build_dir/CMakeCache.txt"; then
    echo "skipped: once is enough, in the plain build of gcc"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0

# call_in NAME CMAKE-ARGUMENT...
call_in() {
    name=$1
    shift
    if ! cmake -G Ninja -S "$source_dir" -B "$work/$name" -DBUILD_TESTING=OFF -DBUILD_SHARED_LIBS=OFF \
        -DNETFACADE_WERROR=ON "$@" >"$work/$name.log" 2>&1 ||
        ! cmake --build "$work/$name" --target phone_call >>"$work/$name.log" 2>&1; then
        grep -E 'warning|error' "$work/$name.log" || tail -n 20 "$work/$name.log"
        echo "FAILED: $name"
        exit 1
    fi
    timeout 60 "$work/$name/examples/phone_call" tcp://127.0.0.1:0 >"$work/said" || {
        echo "FAILED: $name: no phone call"
        exit 1
    }
    grep -q '^caller: net_close' "$work/said"
    ran=$((ran + 1))
    echo "passed: $name"
}

# musl-gcc knows no headers of the kernel's: they are taken from where gcc has them.
if command -v musl-gcc >/dev/null; then
    mkdir "$work/kernel"
    for folder in linux asm-generic; do
        ln -s "/usr/include/$folder" "$work/kernel/$folder"
    done
    asm=/usr/include/$(gcc -print-multiarch)/asm
    [ -d "$asm" ] || asm=/usr/include/asm
    ln -s "$asm" "$work/kernel/asm"
    call_in musl -DCMAKE_C_COMPILER=musl-gcc "-DCMAKE_C_FLAGS=-idirafter $work/kernel"
fi
if echo 'int main(void) { return 0; }' | gcc -m32 -x c - -o "$work/narrow" 2>/dev/null; then
    call_in 32-bit -DCMAKE_C_COMPILER=gcc -DCMAKE_C_FLAGS=-m32
fi
[ $ran -gt 0 ] || { echo "skipped: neither musl-gcc nor gcc -m32 is here" && exit 77; }
