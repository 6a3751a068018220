# For the scripts in tests/interop that talk with a server by nc and socat: sourced after
# interop.sh. A program runs in the background as NAME, with its output in NAME.out and NAME.err. A
# member is a program that gets its input from `say`, now and then.
# shellcheck shell=sh disable=SC2154,SC2317 # $work is of interop.sh; until_true calls by name

mkdir "$work/in"

# start NAME PROGRAM...: its pid is $started. It reads the pipe of that name if there is one, or
# nothing.
start() {
    name=$1
    shift
    input=/dev/null
    [ ! -p "$work/in/$name" ] || input=$work/in/$name
    rm -f "$work/$name.out" "$work/$name.err" # the output of an earlier program of that name
    "$@" <"$input" >"$work/$name.out" 2>"$work/$name.err" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    started=$!
    running="$running $started"
}

# ended PID STATUS: it ends by itself with STATUS.
ended() {
    until_true has_ended "$1"
    status=0
    wait "$1" || status=$?
    forget "$1"
    [ "$status" -eq "$2" ] || fail "process $1 ends with $status"
}

# stopped PID STATUS: it gets SIGTERM, and ends with STATUS.
stopped() {
    kill "$1"
    ended "$1" "$2"
}

# away PID: it is ended, with any status, or has ended by itself.
away() {
    kill -KILL "$1" 2>/dev/null || :
    wait "$1" 2>/dev/null || :
    forget "$1"
}

# serve NAME PROGRAM...: like start. Its addresses are in $addresses as soon as it has printed DOORS
# of them (1 if not set).
serve() {
    start "$@"
    listens() {
        addresses=$(sed -n 's/^listening on //p' "$work/$1.out" 2>/dev/null) || :
        [ "$(echo "$addresses" | grep -c .)" -ge "${DOORS:-1}" ]
    }
    until_true listens "$1"
}

# member NAME NUMBER PROGRAM...: start it. It reads descriptor NUMBER, 3 to 9. Its pid is $pid_NAME.
member() {
    mkfifo "$work/in/$1"
    eval "exec $2<>\"\$work/in/\$1\""
    member_name=$1
    shift 2
    start "$member_name" "$@"
    eval "pid_$member_name=$started"
}

# say NUMBER TEXT: send TEXT to the member of that number, as printf prints it.
say() {
    # shellcheck disable=SC2059 # it is a format
    eval "printf '$2' >&$1"
}

# leaves NUMBER PID: end the input of the member. It ends when it has received the end.
leaves() {
    eval "exec $1>&-"
    ended "$2" 0
}

# hears NAME LINE...: sooner or later each is a whole line of its output.
hears() {
    heard_by=$work/$1.out
    shift
    for line in "$@"; do
        until_true grep -Fqsx -e "$line" "$heard_by"
    done
}

# never_heard NAME TEXT: so far the text is not in its output.
never_heard() {
    ! grep -Fq -e "$2" "$work/$1.out" || fail "$1 has heard '$2'"
}

# stays_idle PID: soon there is a second in which it uses less than a tenth of a processor.
stays_idle() {
    idles "$1" 5 1 $(($(getconf CLK_TCK) / 10 - 1)) "process $1"
}
