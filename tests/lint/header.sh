#!/bin/sh
# netfacade.h and netfacade/cipher.h compile alone as strict C99 and as strict C++. The first is short
# enough to read at once.
set -eu

header=${NETFACADE_SOURCE_DIR:-.}/include/netfacade.h
most=450
lines=$(wc -l <"$header")
[ "$lines" -le $most ] || { echo "netfacade.h has $lines lines, which is more than $most" && exit 1; }

warnings="-pedantic -Wall -Wextra -Werror"
# The macros NET_NOW and NET_FOREVER are only compiled where they are used.
program='int is_now(net_deadline deadline);
int is_now(net_deadline deadline) { return deadline == NET_NOW || deadline < NET_FOREVER - 1; }'

# compile COMPILER LANGUAGE OPTION...: if there is such a compiler.
compile() {
    compiler=$1
    language=$2
    shift 2
    command -v "$compiler" >/dev/null || return 0
    for name in netfacade.h netfacade/cipher.h; do
        # shellcheck disable=SC2086
        printf '#include <%s>\n%s\n' "$name" "$program" |
            "$compiler" $warnings "$@" -I"${header%/*}" -fsyntax-only -x "$language" -
    done
}

for standard in c99 c11; do
    compile gcc c -std=$standard
    compile clang c -std=$standard
done
for standard in c++11 c++17; do
    compile g++ c++ -std=$standard -Wold-style-cast -Wuseless-cast -Wsign-compare -Wconversion
    compile clang++ c++ -std=$standard -Wold-style-cast -Wsign-compare -Wconversion
done
