#!/bin/sh
# The library of tls:// where it is installed. A program that is linked with netfacade alone finds it
# in any prefix; pkg-config and find_package know it; a static program brings it, or hears how to. A
# privileged program loads it by the path that the build fixed, whatever its caller's environment.
set -eu

source_dir=$(cd "${NETFACADE_SOURCE_DIR:-.}" && pwd)
build_dir=${NETFACADE_BUILD_DIR:-build/gcc}
bin=$build_dir/examples
here=$source_dir/tests/install
strict="-std=c99 -Wall -Wextra -Werror -pedantic"

if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: a program of a stranger brings no sanitizer"
    exit 77
fi
# shellcheck source=tests/support/interop.sh
. "$source_dir/tests/support/interop.sh"
# shellcheck source=tests/support/tls.sh
. "$source_dir/tests/support/tls.sh"
need cmp ldd nm pkg-config readelf strings timeout

# ---- Installed in some places ----

chmod 755 "$work" # a privileged program is another user's
cmake --install "$build_dir" --prefix "$work/moved" >"$work/install.err" 2>&1 || fail "no install"
for prefix in fixed bare static; do
    cp -a "$work/moved" "$work/$prefix"
done
find "$work/static" -name 'libnetfacade*.so*' -delete
find "$work/bare" -name 'libnetfacade-tls.so*' -delete
find "$work/bare" -name 'netfacadeTlsTargets*.cmake' -delete
lib=$(dirname "$(cd "$work/fixed" && find . -name libnetfacade.so)")

# from PREFIX OPTION...: ask pkg-config about it only.
from() {
    prefix=$work/$1
    shift
    PKG_CONFIG_PATH=$prefix/$lib/pkgconfig pkg-config "$@"
}

# compile PROGRAM OPTION...
compile() {
    program=$work/$1
    shift
    # shellcheck disable=SC2086 # words
    cc $strict -D_GNU_SOURCE "$here/dial.c" -o "$program" "$@" 2>"$work/cc.err" || fail "cc: $*"
}

# dials PROGRAM: it does.
dials() {
    said=$(within "$1" "$target" 2>&1) || fail "$1: $said"
    [ "$said" = "TLS 1.3" ] || fail "$1 says '$said'"
}

# is_told PROGRAM TEXT: that it is not supported, and what to do.
is_told() {
    ! said=$(within "$1" "$target" 2>&1) || fail "$1 dials: $said"
    echo "$said" | grep -q "^NET_UNSUPPORTED: .*$2" || fail "$1 says '$said'"
}

ours server "$bin/echo_server" "tls://127.0.0.1:0?$pair"
target="tls://localhost:$port?$ca"

libraries() {
    ldd "$work/fixed/$lib/libnetfacade.so" >"$work/ldd"
    ! grep -v 'linux-vdso\|linux-gate\|libc\.so\|libc\.musl\|/ld-' "$work/ldd" || fail "it needs more"
    ! nm "$work/fixed/$lib/libnetfacade.a" | grep -w 'dlopen\|dlsym' || fail "the archive loads"
    # shellcheck disable=SC2016 # the loader expands it
    readelf -d "$work/fixed/$lib/libnetfacade.so" | grep -q 'RUNPATH.*\[\$ORIGIN\]' || fail "no RUNPATH"
    ok "libnetfacade.so needs libc alone, and the archive has no dlopen"
}

linked() {
    # shellcheck disable=SC2046 # the output of pkg-config has to be split
    for prefix in moved bare; do
        compile with_$prefix $(from $prefix --cflags --libs netfacade) "-Wl,-rpath,$work/$prefix/$lib"
        ! readelf -d "$work/with_$prefix" | grep 'NEEDED.*netfacade-tls' || fail "it is linked"
    done
    dials "$work/with_moved"
    is_told "$work/with_bare" 'install it, or link it and call net_use_cipher(net_tls())'
    ok "a program finds the library beside the other one, or is told that there is none"

    # shellcheck disable=SC2046
    compile own $(from moved --cflags --libs netfacade-tls) -DUSE_CIPHER "-Wl,-rpath,$work/moved/$lib"
    readelf -d "$work/own" | grep -q 'NEEDED.*libnetfacade-tls\.so\.0' || fail "it is not linked"
    dials "$work/own"
    # shellcheck disable=SC2046
    compile static_own -DUSE_CIPHER $(from static --static --cflags --libs netfacade-tls)
    # shellcheck disable=SC2046
    compile static_without $(from static --static --cflags --libs netfacade)
    for program in static_own static_without; do
        ! readelf -d "$work/$program" | grep 'NEEDED.*netfacade' || fail "$program is not static"
    done
    dials "$work/static_own"
    is_told "$work/static_without" 'links libnetfacade-tls, too, and calls net_use_cipher(net_tls())'
    ok "pkg-config netfacade-tls, shared and static; a static program without it is told the way out"
}

# project PREFIX: a project of CMake's with the component.
project() {
    cmake -G Ninja -S "$work/project" -B "$work/project/$1" "-DCMAKE_PREFIX_PATH=$work/$1" \
        >"$work/project.err" 2>&1
}

packages() {
    mkdir "$work/project"
    cat >"$work/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.21)
project(user LANGUAGES C)
find_package(netfacade 0.1 REQUIRED COMPONENTS tls)
foreach(kind "" _static)
    add_executable(user\${kind} $here/dial.c)
    target_compile_definitions(user\${kind} PRIVATE USE_CIPHER)
    target_link_libraries(user\${kind} netfacade::netfacade_tls\${kind} netfacade::netfacade\${kind})
endforeach()
END
    project moved || fail "find_package with the component"
    cmake --build "$work/project/moved" >"$work/project.err" 2>&1 || fail "it is not linked"
    dials "$work/project/moved/user"
    dials "$work/project/moved/user_static"
    ! project bare || fail "a component is found that is not there"
    grep -q 'component tls: netfacade was built without' "$work/project.err" || fail "it does not say why"
    ok "find_package(netfacade COMPONENTS tls), and without the library it fails"
}

# ---- Privileged programs ----

# The library that a caller would like it to load: in a folder of his, and beside the other one.
make_evil() {
    mkdir "$work/evil"
    printf '%s\n' '#include <stdio.h>' \
        '__attribute__((constructor)) static void begin(void) { puts("evil"); fflush(stdout); }' |
        cc -shared -fPIC -x c - -o "$work/evil/libnetfacade-tls.so.0"
    rm "$work/moved/$lib"/libnetfacade-tls.so*
    cp "$work/evil/libnetfacade-tls.so.0" "$work/moved/$lib"
    LD_LIBRARY_PATH=$work/evil within "$work/with_bare" "$target" >"$work/said" || :
    grep -q '^evil$' "$work/said" || fail "an ordinary program does not load it: nothing is shown"
}

# privileged ENVIRONMENT: run the program as nobody. What is in $work/fixed is at the fixed path.
# shellcheck disable=SC2016 # the inner shell expands them
privileged() {
    within unshare -m sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh \
        "$work/fixed/$lib" "$fixed" setpriv --reuid=65534 --regid=65534 --clear-groups \
        env "$1" "$work/with_moved" "$target" >"$work/said" 2>&1 || :
}

secure() {
    fixed=$(dirname "$(strings "$work/fixed/$lib/libnetfacade.so" | grep '^/.*/libnetfacade-tls\.so\.0$')")
    if [ "$(id -u)" -ne 0 ] || [ ! -d "$fixed" ] ||
        ! setcap cap_net_bind_service=ep "$work/with_moved" 2>"$work/setcap.err"; then
        echo "left out: no program gets capabilities here"
        return
    fi
    make_evil
    privileged NONE=1
    if ! grep -qx privileged "$work/said"; then
        echo "left out: capabilities of files have no effect here: $(cat "$work/said")"
        return
    fi
    for variable in NONE=1 "LD_LIBRARY_PATH=$work/evil" "LD_PRELOAD=$work/evil/libnetfacade-tls.so.0"; do
        privileged "$variable"
        printf 'privileged\nTLS 1.3\n' | cmp -s - "$work/said" || fail "$variable: $(cat "$work/said")"
    done
    rm "$work/fixed/$lib"/libnetfacade-tls.so*
    for variable in NONE=1 "LD_LIBRARY_PATH=$work/evil"; do
        privileged "$variable"
        ! grep evil "$work/said" || fail "$variable: it loads what its caller wants"
        grep -q "^NET_UNSUPPORTED: .*$fixed/.*net_use_cipher(net_tls()).*from no other place" \
            "$work/said" || fail "$variable: $(cat "$work/said")"
    done
    ok "a privileged program loads it from the fixed path alone, or is told so"
}

libraries
linked
packages
secure
away "$started"
