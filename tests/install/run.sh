#!/bin/sh
# Installs into a fresh prefix, moves the prefix, and builds a C99 and a C++17 program from it: by
# pkg-config and by find_package, shared and static. The installed libraries have both names of each
# function.
set -eu

here=$(cd "${NETFACADE_SOURCE_DIR:-.}/tests/install" && pwd)
build_dir=${NETFACADE_BUILD_DIR:-build/gcc}
generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build_dir/CMakeCache.txt")
strict="-Wall -Wextra -Werror -pedantic"
strict_cc="$strict -Wold-style-cast -Wuseless-cast -Wsign-compare"

if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: a program of a stranger brings no sanitizer"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build_dir" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/shared"
cp -a "$work/shared" "$work/static"
find "$work/static" -name 'libnetfacade.so*' -delete

# from KIND OPTION...: ask pkg-config about the prefix KIND only.
from() {
    PKG_CONFIG_PATH=$(dirname "$(find "$work/$1" -name netfacade.pc)")
    export PKG_CONFIG_PATH
    shift
    pkg-config "$@" netfacade
}
version=$(from shared --modversion)
libdir=$(from shared --variable=libdir)

# expect NEEDS PROGRAM: it runs, has the right version, and needs the shared library or not (yes,
# no).
expect() {
    needs=no
    readelf -d "$2" | grep -q 'NEEDED.*libnetfacade\.so\.0' && needs=yes
    said=$(LD_LIBRARY_PATH=$libdir "$2")
    if [ "$said" != "$version" ] || [ $needs != "$1" ]; then
        echo "$2: said '$said' instead of '$version'; needs the shared library: $needs"
        exit 1
    fi
    echo "ok: $2"
}

cd "$work"
# The output of pkg-config and $strict must be split.
# shellcheck disable=SC2046,SC2086
{
    cc -std=c99 $strict "$here/both_names.c" -o both-names -ldl
    cc -std=c99 $strict "$here/consumer.c" -o c-shared $(from shared --cflags --libs)
    cc -std=c99 $strict "$here/consumer.c" -o c-static $(from static --static --cflags --libs)
    c++ -std=c++17 $strict_cc "$here/consumer.cc" -o cc-shared $(from shared --cflags --libs)
    c++ -std=c++17 $strict_cc "$here/consumer.cc" -o cc-static $(from static --static --cflags --libs)
}
expect yes ./c-shared
expect no ./c-static
expect yes ./cc-shared
expect no ./cc-static

# shellcheck disable=SC2046 # the names must be split
./both-names "$libdir/libnetfacade.so" $(sed -n \
    's/^#pragma redefine_extname//p' "$work/shared/include/netfacade.h")

mkdir project
cat >project/CMakeLists.txt <<EOF_CMAKE
cmake_minimum_required(VERSION 3.21)
project(consumer LANGUAGES C)
find_package(netfacade ${version%.*} REQUIRED)
add_executable(cmake-shared $here/consumer.c)
target_link_libraries(cmake-shared netfacade::netfacade)
add_executable(cmake-static $here/consumer.c)
target_link_libraries(cmake-static netfacade::netfacade_static)
EOF_CMAKE
cmake -G "$generator" -S project -B project/build -DCMAKE_PREFIX_PATH="$work/shared" >/dev/null
cmake --build project/build >/dev/null
expect yes project/build/cmake-shared
expect no project/build/cmake-static
