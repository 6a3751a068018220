#!/bin/sh
# Every call in src that opens a descriptor is wrapped in nf_fd_above, so that none is 0, 1 or 2. The
# exceptions are in accept_above, which has taken a number above before, and in accept_next, whose
# callers wrap it. tls, which knows no other room, has an `above` of its own.
set -eu

source=${NETFACADE_SOURCE_DIR:-.}/src
openers='(socket|socketpair|accept4?|eventfd|epoll_create1?|open|openat|dup[23]?|timerfd_create|memfd_create|pipe2?)'

# unwrapped FILE...: which calls are not.
unwrapped() {
    for file in "$@"; do
        tr '\n' ' ' <"$file" |
            sed -E "s@/\*([^*]|\*+[^*/])*\*+/@@g; s/\"[^\"]*\"//g; s/(nf_fd_)?above\( *$openers\(//g" |
            grep -oE "[^A-Za-z0-9_>.]$openers\(" | sed "s@^.@${file##*/} @" || :
    done
}

sample=$(mktemp)
trap 'rm -f "$sample"' EXIT
# It finds what is wrong, and nothing else.
printf '/* open(2) */ int a = nf_fd_above(\n open(p)), b = dup(a), c = x->open(d), nf_open(e), f(" pipe(g)");\n' >"$sample"
[ "$(unwrapped "$sample")" = "${sample##*/} dup(" ] || { echo "it finds: $(unwrapped "$sample")" && exit 1; }

# shellcheck disable=SC2046 # no name has a space
found=$(unwrapped $(find "$source" -name '*.c' | sort))
expected='socket.c accept4(
socket.c accept(
socket.c dup3('
[ "$found" = "$expected" ] || { echo "not in nf_fd_above:" && echo "$found" && exit 1; }
