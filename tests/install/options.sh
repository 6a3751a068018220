#!/bin/sh
# The options of the build: as a subproject it installs nothing unless it is asked to; one library
# alone is found by either name; without cmocka it configures, and says that there are no tests.
set -eu

source_dir=$(cd "${NETFACADE_SOURCE_DIR:-.}" && pwd)
if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: what is built does not depend on the sanitizer"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    tail -n 20 "$work/log" 2>/dev/null || :
    echo "FAILED: $*"
    exit 1
}

mkdir "$work/parent"
cat >"$work/parent/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.21)
project(parent LANGUAGES C)
add_subdirectory($source_dir netfacade)
add_executable(consumer $source_dir/tests/install/consumer.c)
target_link_libraries(consumer netfacade::netfacade)
install(TARGETS consumer)
END

# parent NAME CMAKE-ARGUMENT...: a project that has netfacade in it is built and installed.
parent() {
    name=$1
    shift
    {
        cmake -G Ninja -S "$work/parent" -B "$work/$name" "-DCMAKE_INSTALL_PREFIX=$work/$name/prefix" \
            "$@" && cmake --build "$work/$name" && cmake --install "$work/$name"
    } >"$work/log" 2>&1 || fail "$name"
    installed=$(cd "$work/$name/prefix" && find . -type f -o -type l | sort)
}

parent quiet
[ "$installed" = ./bin/consumer ] || fail "a subproject installs" "$installed"
[ -e "$work/quiet/netfacade/libnetfacade.so" ] || fail "no shared library"
[ -e "$work/quiet/netfacade/libnetfacade.a" ] || fail "no static library"
echo "passed: a subproject builds both libraries and installs nothing"

parent static -DBUILD_SHARED_LIBS=OFF -DNETFACADE_INSTALL=ON
echo "$installed" | grep -q 'libnetfacade\.a$' || fail "the archive is not installed"
! echo "$installed" | grep -q 'libnetfacade\.so' || fail "a shared library is installed"
echo "passed: with BUILD_SHARED_LIBS=OFF and NETFACADE_INSTALL=ON it installs the archive alone"

mkdir "$work/user"
cat >"$work/user/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.21)
project(user LANGUAGES C)
find_package(netfacade REQUIRED)
foreach(library netfacade netfacade_static)
    add_executable(with_\${library} $source_dir/tests/install/consumer.c)
    target_link_libraries(with_\${library} netfacade::\${library})
endforeach()
END
{
    cmake -G Ninja -S "$work/user" -B "$work/user/build" "-DCMAKE_PREFIX_PATH=$work/static/prefix" &&
        cmake --build "$work/user/build" && "$work/user/build/with_netfacade" &&
        "$work/user/build/with_netfacade_static"
} >"$work/log" 2>&1 || fail "the archive alone is not found by both names"
echo "passed: find_package finds it by either name"

PKG_CONFIG_LIBDIR=$work cmake -G Ninja -S "$source_dir" -B "$work/bare" >"$work/log" 2>&1 ||
    fail "without cmocka it does not configure"
[ "$(grep -c '^-- netfacade: no tests' "$work/log")" -eq 1 ] || fail "it does not say so in one line"
echo "passed: without cmocka there are no tests, and one line says so"
