#!/bin/sh
# What the documents name in backticks exists: functions, types and codes in the sources, files and
# folders in the tree. And docs/architecture.md names every file of src.
set -eu

cd "${NETFACADE_SOURCE_DIR:-.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find src include tests examples -name '*.[ch]' -exec cat {} + |
    grep -oE '[A-Za-z_][A-Za-z0-9_]*' | sort -u >"$work/identifiers"

# exists NAME: a name of the sources, a path from the top, or one from src or tests.
exists() {
    case $1 in
    nf_* | net_* | NF_* | NET_[A-Z]*) grep -qxF "${1%%(*}" "$work/identifiers" ;;
    */* | *.c | *.h | *.sh | *.md | *.map) [ -e "$1" ] || [ -e "src/$1" ] || [ -e "tests/$1" ] ||
        [ -e "src/$1.c" ] || [ -e "src/$1.h" ] ||
        [ -n "$(find src tests examples docs include -name "$1" -print -quit)" ] ;;
    *) return 0 ;;
    esac
}

# shellcheck disable=SC2016 # backticks of a document
# named DOCUMENT: what it has in backticks, outside of blocks of code, that looks like a name or a path.
named() {
    awk '/^```/ { code = !code; next } !code' "$1" | grep -oE '`[^`]+`' | tr -d '`' |
        sed 's/^struct //; s/()$//' |
        grep -E '^(nf_|net_|NF_|NET_)[A-Za-z0-9_]+$|^(src|tests|docs|examples|include|api|wires|hub|chaos|framed|cipher|tls|datagram|stream|open|memory|socket|name|wait|os)/[A-Za-z0-9_./]*$|^[a-z_]+\.(c|h|sh|md|map)$' || :
}

# missing DOCUMENT: one line for each name that does not exist.
missing() {
    named "$1" | sort -u | while read -r name; do
        exists "$name" || echo "$1: there is no \`$name\`"
    done
}

# unnamed DOCUMENT: one line for each file of src that it does not name in its row.
unnamed() {
    find src -mindepth 2 -name '*.[ch]' | sed 's|^src/||; s|\.[ch]$||' | sort -u |
        while IFS=/ read -r room file; do
            grep -E "^\| \`$room\` \|" "$1" | grep -qE "\`$file(\.h)?\`" ||
                echo "$1: the row of \`$room\` does not name \`$file\`"
        done
}

# The check has to notice what it is for, or its silence means nothing.
# shellcheck disable=SC2016 # backticks of a document
{
    printf '%s\n' 'A `nf_no_such_thing`, a `src/no/such.c`; and `nf_socket_new`, `src/api/net.c`.' \
        >"$work/sample.md"
    [ "$(missing "$work/sample.md" | wc -l)" -eq 2 ] || {
        echo "self-test: $(missing "$work/sample.md")"
        exit 1
    }
    echo '| `api` | `net` |' >"$work/sample.md"
    unnamed "$work/sample.md" >"$work/unnamed"
    if grep -q '`api`.*`net`$' "$work/unnamed" || ! grep -q '`api`.*`poller`$' "$work/unnamed"; then
        echo "self-test: a file that is not named is not noticed"
        exit 1
    fi
}

found=$(
    for document in README.md CONTRIBUTING.md SECURITY.md docs/*.md; do
        missing "$document"
    done
    unnamed docs/architecture.md
)
if [ -n "$found" ]; then
    echo "$found"
    exit 1
fi
