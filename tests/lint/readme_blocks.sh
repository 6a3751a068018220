#!/bin/sh
# Every ```c block of README.md and docs/*.md, and every program in a manual page, is one complete
# program that a caller could paste: it compiles as strict C99 and as C++17 without a warning.
set -eu

cd "${NETFACADE_SOURCE_DIR:-.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Each block becomes a file whose #line makes the compiler speak of the document.
for document in README.md docs/*.md; do
    [ -f "$document" ] || continue
    awk -v document="$document" -v base="$work/$(basename "$document" .md)" '
        /^```/ && file != ""  { close(file); file = ""; next }
        /^```c[ \t]*$/        { file = base "-" NR ".c"
                                print "#line " NR + 1 " \"" document "\"" > file; next }
        file != ""            { print > file }
    ' "$document"
done
for document in docs/*.[1-9]; do
    [ -f "$document" ] || continue
    awk -v document="$document" -v base="$work/$(basename "$document")" '
        /^\.Ed/                       { if (file != "") close(file); file = ""; literal = 0 }
        literal == 1 && /^#include/   { file = base "-" NR ".c"
                                        print "#line " NR " \"" document "\"" > file; literal = 2 }
        file != ""                    { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print > file }
        literal == 1                  { literal = 2 }
        /^\.Bd -literal/              { literal = 1 }
    ' "$document"
done

blocks=0
failed=0
for block in "$work"/*.c; do
    [ -f "$block" ] || continue
    blocks=$((blocks + 1))
    "${CC:-cc}" -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -Iinclude "$block" ||
        failed=$((failed + 1))
    "${CXX:-c++}" -x c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -Iinclude "$block" ||
        failed=$((failed + 1))
done
echo "$blocks programs in the documents, $failed compilations failed"
[ "$blocks" -gt 0 ] && [ "$failed" -eq 0 ]
