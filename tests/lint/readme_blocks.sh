#!/bin/sh
# Every ```c block of README.md and docs/*.md, and every program in a manual page, is one complete
# program that you can paste: it compiles as strict C99 and as C++17 without a warning. A block that
# begins ```c examples/NAME.c is a part of that program instead, line by line.
set -eu

cd "${NETFACADE_SOURCE_DIR:-.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Each block becomes a file. A program gets a #line, so that the compiler names the document. A part
# has a first line that names its program.
for document in README.md docs/*.md; do
    [ -f "$document" ] || continue
    awk -v document="$document" -v base="$work/$(basename "$document" .md)" '
        /^```/ && file != ""  { close(file); file = ""; next }
        /^```c[ \t]*$/        { file = base "-" NR ".c"
                                print "#line " NR + 1 " \"" document "\"" > file; next }
        /^```[cC]([ \t]|$)/   { file = base "-" NR ".part"; print $2 > file; next }
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

# part_of FILE BLOCK: the lines of BLOCK without its first are consecutive lines of FILE.
part_of() {
    awk '
        NR == FNR && FNR > 1  { part[count++] = $0 }
        NR != FNR             { line[++lines] = $0 }
        END {
            for (start = 1; start + count - 1 <= lines; start++) {
                same = 0
                while (same < count && line[start + same] == part[same]) {
                    same++
                }
                if (count > 0 && same == count) {
                    exit 0
                }
            }
            exit 1
        }
    ' "$2" "$1"
}

parts=0
strange=0
for block in "$work"/*.part; do
    [ -f "$block" ] || continue
    parts=$((parts + 1))
    source=$(head -n 1 "$block")
    if [ ! -f "$source" ] || ! part_of "$source" "$block"; then
        strange=$((strange + 1))
        echo "$(basename "$block" .part): not a part of '$source':"
        sed -n '2,4p' "$block"
    fi
done
echo "$parts parts of examples in the documents, $strange differ"
[ "$blocks" -gt 0 ] && [ "$parts" -gt 0 ] && [ "$failed" -eq 0 ] && [ "$strange" -eq 0 ]
