#!/bin/sh
# The example `httpd` and the rules of HTTP: every status, ranges, persistent connections, several
# requests at once, names that would lead out of its directory; and an orderly end. With curl and
# nc.
set -eu

bin=${NETFACADE_BUILD_DIR:-build/gcc}/examples

# shellcheck source=tests/support/own_network.sh
. "$(dirname "$0")/../support/own_network.sh"
# shellcheck source=tests/support/interop.sh
. "$(dirname "$0")/../support/interop.sh"
# shellcheck source=tests/support/httpd.sh
. "$(dirname "$0")/../support/httpd.sh"
need cmp curl mkfifo nc timeout

# asked STATUS CURL-ARGUMENT... PATH: the head of the answer is in $work/head, the content in
# $work/content.
asked() {
    wanted=$1
    shift
    rm -f "$work/content"
    got=$(timeout 60 curl -s --path-as-is -D "$work/head" -o "$work/content" -w '%{http_code}' "$@") ||
        fail "curl $* ends with $?"
    [ "$got" = "$wanted" ] || fail "instead of $wanted, $got: curl $*"
}

# head_has TEXT: there is such a line.
head_has() {
    tr -d '\r' <"$work/head" | grep -qix -- "$1" || fail "no line '$1' in: $(cat "$work/head")"
}

content_is() {
    [ "$(cat "$work/content")" = "$1" ] || fail "instead of '$1': $(head -c 200 "$work/content")"
}

short() {
    printf '%s' "$1" | head -c 200
}

# said BYTES: everything that the server answers to these bytes, with \r for an end of line, is in
# $work/said. nc does not end its side, so the server must.
said() {
    printf '%b' "$1" | timeout 60 nc 127.0.0.1 "$port" >"$work/said" 2>"$work/nc.err" ||
        fail "nc ends with $?: $(short "$1")"
}

# refused STATUS BYTES: the answer is that status, once, and an end.
refused() {
    said "$2"
    [ "$(grep -c '^HTTP/1.1 ' "$work/said")" -eq 1 ] || fail "not one answer to: $(short "$2")"
    head -n 1 "$work/said" | grep -q "^HTTP/1.1 $1 " ||
        fail "instead of $1, $(head -n 1 "$work/said"), to: $(short "$2")"
}

# repeated BYTE COUNT
repeated() {
    head -c "$2" /dev/zero | tr '\0' "$1"
}

# many COUNT TEXT
many() {
    yes "$2" | head -n "$1" | tr -d '\n'
}

www=$work/www
mkdir -p "$www/below/deep" "$www/empty" "$www/.git" "$work/outside"
echo 'the page' >"$www/index.html"
echo 'the page below' >"$www/below/index.html"
echo 'the page of 100 %' >"$www/100 %.html"
printf 0123456789 >"$www/ten.txt"
: >"$www/nothing.txt"
echo secret >"$www/.git/config"
echo secret >"$work/outside/secret.txt"
ln -s ../outside/secret.txt "$www/link.txt"
ln -s ../outside "$www/way"
ln -s ten.txt "$www/inner.txt"
mkfifo "$www/pipe"
head -c 33554432 /dev/urandom >"$www/large.bin"
serve tcp://127.0.0.1:0 "$www"
url=http://127.0.0.1:$port

# ---- Files ----

asked 200 "$url/"
content_is 'the page'
head_has 'Content-Type: text/html; charset=utf-8'
head_has 'Content-Length: 9'
grep -q '^Date: [A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] 20[0-9][0-9] [0-9:]* GMT' "$work/head" ||
    fail "no date"
asked 200 "$url/below/?query=1"
content_is 'the page below'
asked 200 "$url/100%20%25.html"
content_is 'the page of 100 %'
asked 200 "$url/nothing.txt"
[ ! -s "$work/content" ] || fail "content of an empty file"
asked 200 "$url/large.bin"
cmp "$www/large.bin" "$work/content" || fail "a large file differs"
head_has 'Content-Type: application/octet-stream'
asked 301 "$url/below"
asked 200 -L "$url/below"
content_is 'the page below'
asked 301 "$url/below?a=1&b=%20?/.."
head_has 'Location: %62%65%6C%6F%77/?a=1&b=%20?/..'
asked 200 -L "$url/below?$(repeated q 4000)"
content_is 'the page below'
asked 200 -I "$url/ten.txt"
head_has 'Content-Length: 10'
[ ! -s "$work/content" ] || grep -q '^HTTP' "$work/content" || fail "HEAD has content"
for name in page.svg=image/svg+xml picture.PNG=image/png style.css='text/css; charset=utf-8' \
    program.js='text/javascript; charset=utf-8' data.json=application/json x.tar.gz=application/gzip; do
    echo . >"$www/${name%%=*}"
    asked 200 "$url/${name%%=*}"
    head_has "Content-Type: ${name#*=}"
done
for path in /none /none/ /empty/ /ten.txt/ /below/deep/none "/$(repeated a 300)" //ten.txt /pipe; do
    asked 404 "$url$path"
done
content_is '404 Not Found'

# A changed file is a different one at once, even with the same size and the same second of change.
touch -d '1 hour ago' "$www/below/changing.txt"
for word in one two ten; do
    echo $word >"$www/below/changing.txt"
    for _ in 1 2; do
        asked 200 "$url/below/changing.txt"
        content_is $word
    done
done
rm "$www/below/changing.txt"
asked 404 "$url/below/changing.txt"
# A request for a pipe is no reader of it: the writer goes on waiting for one.
sh -c 'echo all >"$1"' sh "$www/pipe" 2>/dev/null &
writer=$!
running="$running $writer"
waits() {
    grep -q '^State:.*S' "/proc/$writer/status"
}
until_true waits
for _ in 1 2 3 4 5; do
    asked 404 "$url/pipe"
done
[ "$(timeout 20 cat "$www/pipe")" = all ] || fail "what was written into a pipe is lost"
wait $writer || fail "the writer of a pipe ends with $?"
echo "passed: files, types, directories"

# ---- No way out of the directory ----

for path in /../outside/secret.txt /below/../../outside/secret.txt /%2e%2e/outside/secret.txt \
    /.%2E/outside/secret.txt /below/..%00/ten.txt /link.txt /way/secret.txt /inner.txt \
    /.git/config /./ten.txt //../outside/secret.txt /%252e%252e/outside/secret.txt; do
    rm -f "$work/content"
    got=$(curl -s --path-as-is -o "$work/content" -w '%{http_code}' "$url$path")
    case $got in 400 | 404) ;; *) fail "$path is answered with $got" ;; esac
    ! grep -q secret "$work/content" || fail "$path leads out"
done
for path in /..%2foutside%2fsecret.txt /..%5c%2foutside /ten.txt%00.html /%zz /%2 /% /%0d%0a /%7f; do
    asked 400 "$url$path"
done
rm -r "$www/below/deep"
mkdir "$www/below/deep"
echo 'mine' >"$www/below/deep/file.txt"
touch -d '1 hour ago' "$www/below/deep/file.txt"
asked 200 "$url/below/deep/file.txt"
mv "$www/below/deep" "$work/outside/deep"
echo 'secret' >"$work/outside/deep/file.txt"
ln -s "$work/outside/deep" "$www/below/deep"
asked 404 "$url/below/deep/file.txt" # a file in the cache is no way out either
echo "passed: no path leads out"

# ---- Ranges, and content that the client already has ----

for part in 0-3=0123 4-=456789 -3=789 9-=9 0-0=0 5-99=56789 -99=0123456789; do
    asked 206 -r "${part%=*}" "$url/ten.txt"
    content_is "${part#*=}"
done
head_has 'Content-Range: bytes 0-9/10'
for part in 10- 99-100 -0 99999999999999999999-; do
    asked 416 -r "$part" "$url/ten.txt"
    head_has 'Content-Range: bytes \*/10'
done
for field in bytes=3-1 bytes=x bytes=1-2,4-5 bytes= bytes=- lines=1-2 bytes=1-2x bytes=--1; do
    asked 200 -H "Range: $field" "$url/ten.txt"
    content_is 0123456789
done
asked 206 -r 25165824-33554430 "$url/large.bin"
tail -c 8388608 "$www/large.bin" | head -c 8388607 | cmp - "$work/content" || fail "a large part"
asked 416 -r 0- "$url/nothing.txt"
asked 200 "$url/ten.txt"
tag=$(tr -d '\r' <"$work/head" | sed -n 's/^ETag: //p')
asked 304 -H "If-None-Match: $tag" "$url/ten.txt"
asked 304 -H "If-None-Match: \"x\", W/$tag" "$url/ten.txt"
asked 200 -H 'If-None-Match: "x"' "$url/ten.txt"
asked 206 -r 1-2 -H "If-Range: $tag" "$url/ten.txt"
content_is 12
asked 200 -r 1-2 -H 'If-Range: "x"' "$url/ten.txt"
content_is 0123456789
asked 200 -I -r 1-2 "$url/ten.txt"
# Conditions (RFC 9110, 13). A list of tags goes before a date.
touch -d '2001-02-03 04:05:06 UTC' "$www/ten.txt"
asked 200 "$url/ten.txt"
head_has 'Last-Modified: Sat, 03 Feb 2001 04:05:06 GMT'
tag=$(tr -d '\r' <"$work/head" | sed -n 's/^ETag: //p')
for good in "If-Match: $tag" 'If-Match: *' "If-Match: \"x\" , $tag" \
    'If-Unmodified-Since: Sat, 03 Feb 2001 04:05:06 GMT' 'If-Unmodified-Since: no date' \
    'If-Modified-Since: Sat, 03 Feb 2001 04:05:05 GMT' 'If-Modified-Since: yesterday' \
    'If-None-Match: "x", "y"'; do
    asked 200 -H "$good" "$url/ten.txt"
    content_is 0123456789
done
asked 200 -H "If-Match: $tag" -H 'If-Unmodified-Since: Sat, 03 Feb 2001 04:05:05 GMT' "$url/ten.txt"
asked 200 -H 'If-None-Match: "x"' -H 'If-Modified-Since: Sat, 03 Feb 2001 04:05:06 GMT' "$url/ten.txt"
for false in 'If-Match: "x"' "If-Match: W/$tag" 'If-Match: x' \
    'If-Unmodified-Since: Sat, 03 Feb 2001 04:05:05 GMT' \
    'If-Unmodified-Since: Saturday, 03-Feb-01 04:05:05 GMT' \
    'If-Unmodified-Since: Sat Feb  3 04:05:05 2001'; do
    asked 412 -H "$false" "$url/ten.txt"
    content_is '412 Precondition Failed'
done
asked 412 -r 1-2 -H 'If-Match: "x"' -H "If-None-Match: $tag" "$url/ten.txt"
asked 404 -H 'If-Match: *' "$url/none"
for known in "If-None-Match: W/$tag" 'If-Modified-Since: Sat, 03 Feb 2001 04:05:06 GMT' \
    'If-Modified-Since: Saturday, 03-Feb-01 04:05:06 GMT' 'If-Modified-Since: Sun Feb  4 04:05:06 2001'; do
    asked 304 -H "$known" "$url/ten.txt"
done
touch -d '1 day' "$www/below/index.html" # a time that is still to come
asked 200 "$url/below/"
seen=$(date -d "$(tr -d '\r' <"$work/head" | sed -n 's/^Last-Modified: //p')" +%s)
[ "$seen" -le "$(date +%s)" ] || fail "changed in the future"
echo "passed: ranges, tags, conditions"

# ---- Requests that are refused ----

host='Host: me\r\n'
end='\r\n\r\n'
refused 400 "GET /ten.txt HTTP/1.1$end"                          # no host
refused 400 "GET /ten.txt HTTP/1.1\r\n$host$host\r\n"            # two of them
for name in 'a b/c@d' 'a b' a/b c@d 'me:80:80' me:x '[::1' '::1' '[::1]x' '[zz]' 'a%2' 'a%zz' 'a?b' a#b \
    'm\0303\0266' :80 '"me"' 'me\0tx'; do
    refused 400 "GET /ten.txt HTTP/1.1\r\nHost: $name\r\n\r\n"
    refused 400 "GET /ten.txt HTTP/1.0\r\nHost: $name\r\n\r\n"
    case $name in */* | *\?*) continue ;; esac
    refused 400 "GET http://$name/ten.txt HTTP/1.1\r\n$host\r\n"
done
for name in me me:80 me: 127.0.0.1:8080 '[::1]' '[::1]:80' 'a%20b' 'x_y~z' ''; do
    refused 200 "GET /ten.txt HTTP/1.1\r\nHost: $name\r\nConnection: close\r\n\r\n"
done
refused 400 "GET http:///ten.txt HTTP/1.1\r\n$host\r\n"
refused 400 "GET /below?\0351 HTTP/1.1\r\n$host\r\n"
refused 400 "GET /ten.txt HTTP/1.1\n${host}\r\n"                 # half an end of line
refused 400 "GET /ten.txt\r\n$host\r\n"                          # no version
refused 400 "GET  /ten.txt HTTP/1.1\r\n$host\r\n"                # two spaces
refused 400 "GET ten.txt HTTP/1.1\r\n$host\r\n"                  # no slash
refused 400 "GET /ten.txt HTTP/1.1\r\n${host}A : b\r\n\r\n"      # a space before the colon
refused 400 "GET /ten.txt HTTP/1.1\r\n${host}A: b\r\n c\r\n\r\n" # a line that is continued
refused 400 "GET /ten.txt HTTP/1.1\r\n${host}A: b\0001c\r\n\r\n" # a control character
refused 400 "GET /ten.txt HTTP/1.1\r\n${host}A: b\0000c\r\n\r\n"
refused 400 "GET /ten.txt HTTP/1.1\r\n${host}A: b\rc\r\n\r\n"
refused 400 "G(T /ten.txt HTTP/1.1\r\n$host\r\n"
refused 400 "GET /\0351.txt HTTP/1.1\r\n$host\r\n"
# What one program takes for content, another takes for a request.
refused 400 "GET / HTTP/1.1\r\n${host}Content-Length: 30\r\n\r\nGET /ten.txt HTTP/1.1\r\n\r\n"
refused 400 "GET / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
refused 400 "GET / HTTP/1.1\r\n${host}Content-Length: 0\r\nContent-Length: 5\r\n\r\n"
refused 400 "GET /ten.txt HTTP/1.1\r\n${host}If-None-Match: \"x\"\r\nIf-None-Match: \"y\"\r\n\r\n"
refused 200 "GET /ten.txt HTTP/1.1\r\n${host}Connection: x\r\nConnection: close\r\n\r\n"
for method in POST PUT DELETE OPTIONS; do
    refused 405 "$method / HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc"
done
grep -q '^Allow: GET, HEAD' "$work/said" || fail "405 does not say what is allowed"
asked 405 -X POST -d @"$www/large.bin" -H Expect: "$url/" # half of it is read, then the answer
refused 501 "BREW / HTTP/1.1\r\n$host\r\n"
refused 505 "GET / HTTP/2.0\r\n$host\r\n"
refused 505 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
refused 414 "GET /$(repeated a 5000) HTTP/1.1\r\n$host\r\n"
refused 414 "GET /$(repeated a 5000)"
refused 431 "GET / HTTP/1.1\r\n${host}A: $(repeated a 9000)\r\n\r\n"
refused 431 "GET / HTTP/1.1\r\n${host}$(many 1400 'A: b\r\n')"
refused 431 "$(many 5000 '\r\n')"
asked 404 "$url/$(repeated a 4000)"
asked 200 -H "A: $(repeated a 7000)" "$url/"
refused 200 "GET / HTTP/1.0\r\n\r\n"
refused 200 "\r\n\r\nGET http://me/ten.txt HTTP/1.1\r\n${host}Connection: x, Close\r\n\r\n"
echo "passed: 400, 405, 414, 431, 501, 505"

# ---- One connection, many requests ----

timeout 60 curl -s -w '%{num_connects}\n' "$url/" "$url/none" "$url/ten.txt" "$url/large.bin" -o /dev/null \
    -o /dev/null -o /dev/null -o /dev/null >"$work/connects" || fail "curl ends with $?"
[ "$(paste -s -d ' ' "$work/connects")" = '1 0 0 0' ] || fail "more connections than one for four requests"
count() {
    grep -ao -- "$1" "$work/said" | wc -l
}
get="GET /ten.txt HTTP/1.1\r\n$host\r\n"
head="HEAD /ten.txt HTTP/1.1\r\n$host\r\n"
none="GET /none HTTP/1.1\r\n$host\r\n"
last="GET /large.bin HTTP/1.1\r\n${host}Connection: close\r\n\r\n"
said "$get$head$none$get$get$last$get"
[ "$(count 'HTTP/1.1 200 OK')" -eq 5 ] || fail "not five answers of six"
[ "$(count 'HTTP/1.1 404 Not Found')" -eq 1 ] || fail "not one that is 404"
[ "$(count 0123456789HTTP)" -eq 3 ] || fail "contents are missing"
tail -c 33554432 "$work/said" | cmp - "$www/large.bin" || fail "the last content differs"
# More requests than are read at once.
said "$(many 400 "$get")$last"
[ "$(count 'HTTP/1.1 200 OK')" -eq 401 ] || fail "not 401 answers"
# A client that has finished sending gets its answer.
printf '%b' "$get" | timeout 60 nc -N 127.0.0.1 "$port" >"$work/said" || fail "nc ends with $?"
grep -q 0123456789 "$work/said" || fail "a half-closed caller is not answered"
echo "passed: keep-alive, pipelining, half-close"

# ---- The end ----

asked 200 "$url/live"
[ "$(wc -c <"$work/content")" -gt 1000 ] || fail "no page"
timeout 60 curl -sN "$url/live/events" >"$work/events" 2>"$work/curl.err" &
watcher=$!
running="$running $watcher"
until_true grep -q '^data: \[[0-9]*,[0-9]*,[0-9]*\]$' "$work/events"
timeout 60 nc 127.0.0.1 "$port" >"$work/idle" </dev/null 2>"$work/nc.err" &
idle=$!
running="$running $idle"
mkfifo "$work/gate"
timeout 60 curl -s "$url/large.bin" | { # it reads nothing more until the gate is opened
    read -r _ <"$work/gate"
    cat >"$work/content"
} &
reader=$!
running="$running $reader"
until_true grep -q '^data: \[3,' "$work/events" # all three are there
is_under_way() { # the client has sent its request, and is being answered
    find "/proc/$server/fd" -lname '*/large.bin' 2>/dev/null | grep -q .
}
until_true is_under_way
kill "$server"
echo >"$work/gate"
stopped
wait $watcher || fail "the watcher of events sees no good end"
wait $idle || fail "an idle caller sees no good end"
wait $reader || fail "an answer under way is broken off: $?"
cmp "$www/large.bin" "$work/content" || fail "an answer under way is not finished"
[ ! -s "$work/server.err" ] || fail "$(cat "$work/server.err")"
status=0
timeout 60 "$bin/httpd" tcp://127.0.0.1:0 "$work/none" 2>"$work/none.err" || status=$?
[ $status -eq 1 ] || fail "without its directory it ends with $status"
grep -q "^httpd: $work/none: " "$work/none.err" || fail "no good sentence"
status=0
timeout 60 "$bin/httpd" udp://127.0.0.1:0 2>"$work/udp.err" || status=$?
[ $status -eq 1 ] || fail "over udp it ends with $status"
echo "passed: an orderly end"
