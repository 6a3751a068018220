#!/bin/sh
# The example httpd and nginx with one worker, both answering a file of 1 KiB to wrk over 100
# connections: requests per second of the server's processor time, medians of interleaved rounds.
# usage: httpd.sh [ROUNDS]    (by run.sh, with NETFACADE_BUILD_DIR)
set -eu
rounds=${1:-10}
[ "$rounds" -le 10 ] || rounds=10 # a round is a second for each server

for program in nginx wrk; do
    if ! command -v "$program" >/dev/null; then
        echo "httpd against nginx: $program is missing"
        exit 0
    fi
done

work=$(mktemp -d)
running=
clean_up() {
    for pid in $running; do
        kill "$pid" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

mkdir "$work/www" "$work/tmp"
head -c 1024 /dev/zero | tr '\0' k >"$work/www/1k.txt"
chmod 755 "$work" "$work/www"

"$NETFACADE_BUILD_DIR/examples/httpd" tcp://127.0.0.1:0 "$work/www" >"$work/httpd.out" 2>&1 &
httpd=$!
running=$httpd
tries=100
until grep -q '^listening on ' "$work/httpd.out"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { cat "$work/httpd.out" && exit 1; }
    sleep 0.1
done
httpd_port=$(sed -n 's/^listening on .*://p' "$work/httpd.out")

# nginx cannot ask the kernel for a port: take one below those that the kernel gives to connections.
nginx_port=$((httpd_port % 20000 + 10000))
cat >"$work/nginx.conf" <<END
daemon off;
master_process off;
worker_processes 1;
pid $work/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
    access_log off;
    default_type text/plain;
    sendfile on;
    keepalive_requests 100000000;
    open_file_cache max=100;
    client_body_temp_path $work/tmp/a; proxy_temp_path $work/tmp/b; fastcgi_temp_path $work/tmp/c;
    uwsgi_temp_path $work/tmp/d; scgi_temp_path $work/tmp/e;
    server { listen 127.0.0.1:$nginx_port; root $work/www; }
}
END
nginx -e "$work/nginx.err" -p "$work" -c "$work/nginx.conf" &
nginx=$!
running="$running $nginx"
tries=100
until [ -e "$work/nginx.pid" ]; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { cat "$work/nginx.err" && exit 1; }
    sleep 0.1
done

# ticks PID: the processor time that it has used.
ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# round NAME PID PORT: print a line with the name and its requests per second of processor time.
round() {
    before=$(ticks "$2")
    requests=$(timeout 60 wrk -t 1 -c 100 -d 1s "http://127.0.0.1:$3/1k.txt" |
        awk '/requests in/ { print $1 } /Non-2xx|Socket errors/ { print "failed:", $0 > "/dev/stderr" }')
    echo "$requests $(($(ticks "$2") - before)) $(getconf CLK_TCK)" |
        awk '{ printf "%.0f\n", $1 * $3 / ($2 > 0 ? $2 : 1) }' >>"$work/$1.rates"
}

i=0
while [ $i -lt "$rounds" ]; do
    round httpd $httpd "$httpd_port"
    round nginx $nginx "$nginx_port"
    i=$((i + 1))
done

# median NAME
median() {
    sort -n "$work/$1.rates" | awk '{ rate[NR] = $1 } END { print rate[int((NR + 1) / 2)] }'
}

echo "a file of 1 KiB to wrk, 100 connections, requests per second of the server's time, median of $rounds:"
echo "$(median httpd) $(median nginx)" |
    awk '{ printf "  httpd %d   nginx %d   ratio %.2f (wanted >= 1)\n", $1, $2, $1 / $2 }'
