#!/bin/sh
# A program that calls net_send through netfacade.h reaches netfacade, even if the program, or
# another library in it, has a function of that name. Where the plain names are left out, a program
# that calls them reaches those other functions. Static and shared, in every link order.
set -eu

source_dir=${NETFACADE_SOURCE_DIR:-.}
build_dir=${NETFACADE_BUILD_DIR:-build/gcc}
here=$(cd "$source_dir/tests/install/names" && pwd)
generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build_dir/CMakeCache.txt")
strict="-std=c99 -Wall -Wextra -Werror -pedantic"

if [ -n "${NETFACADE_SANITIZE:-}" ]; then
    echo "skipped: a program of a stranger brings no sanitizer"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# compile NAME OPTION...: makes $work/NAME.o
compile() {
    name=$1
    shift
    # shellcheck disable=SC2086
    cc $strict -fPIC -I"$source_dir/include" "$@" -c "$here/$name.c" -o "$work/$name.o"
}

for name in ours theirs their_caller own_send plain_caller; do
    compile $name
done
ar rc "$work/libtheirs.a" "$work/theirs.o"
cc -shared "$work/theirs.o" -o "$work/libtheirs.so"

for plain in ON OFF; do
    cmake -G "$generator" -S "$source_dir" -B "$work/build" -DNETFACADE_PLAIN_NAMES=$plain \
        -DBUILD_TESTING=OFF -DNETFACADE_BUILD_EXAMPLES=OFF >/dev/null
    cmake --build "$work/build" >/dev/null
    mkdir "$work/$plain"
    cp -P "$work/build"/libnetfacade.* "$work/$plain"
done

# names PLAIN: check how many plain names the shared and the static library have.
names() {
    { nm -D --defined-only "$work/$1/libnetfacade.so" && nm --defined-only "$work/$1/libnetfacade.a"; } |
        awk '$3 ~ /^net_/ { count++ } END { print count + 0 }'
}
# net_tls, of the second header, is in a library of its own.
count=$(cat "$source_dir/include/netfacade.h" "$source_dir/include/netfacade/cipher.h" |
    grep '^#pragma redefine_extname' | grep -cv ' net_tls ')
echo "plain names: $(names ON) by default, $(names OFF) where they are left out"
if [ "$(names ON)" != $((2 * count)) ] || [ "$(names OFF)" != 0 ]; then
    echo "... of $count functions in two libraries"
    exit 1
fi

# play ARGUMENT OBJECT LIBRARY...: run a program of that object and our caller, linked in that
# order.
played=0
play() {
    argument=$1
    object=$2
    shift 2
    cc "$work/$object.o" "$work/ours.o" "$@" -pthread -Wl,-rpath,"$work/$plain:$work" \
        -o "$work/program"
    # shellcheck disable=SC2086 # it may be empty
    "$work/program" $argument || { echo "FAILED: $object with" "$@" && return 1; }
    played=$((played + 1))
}

# play_all ARGUMENT: with the libraries of $plain.
play_all() {
    for our in so a; do
        our=$work/$plain/libnetfacade.$our
        play "" own_send "$our"
        for their in so a; do
            their=$work/libtheirs.$their
            play "$1" their_caller "$our" "$their"
            play "$1" their_caller "$their" "$our"
        done
    done
}

plain=ON
play_all ""
play "" plain_caller "$work/ON/libnetfacade.so"
play "" plain_caller "$work/ON/libnetfacade.a"
plain=OFF
play_all "theirs, too"
echo "$played programs"

# These checks must fail when names clash, or their success means nothing.
compile ours -U__PRAGMA_REDEFINE_EXTNAME
plain=ON
if play "" own_send "$work/ON/libnetfacade.so" >"$work/said"; then
    echo "without the names that netfacade.h gives, nothing went wrong"
    exit 1
fi
