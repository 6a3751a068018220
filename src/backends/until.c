/* A line of text is looked at where it waits, in the kernel's buffer, and taken once it is whole.
 * While it is not, the low-water mark keeps the poll from telling what we know already, and makes
 * the kernel grow its buffer for the rest. A poll that goes on waking without news says that the
 * window is shut: the buffer will not hold the line. After a deadline the mark stays, for a poller:
 * the part of a line that is known to wait would be told of again and again. */
#include "backends/until.h"
#include "backends/stream.h"
#include "os/sockopt.h"

#include <string.h>

enum {
    LEAST_CAP = 1024,      /* bytes: no buffer is too small for a mark below this */
    GROWTH = 256 * 1024,   /* bytes that a buffer is asked to have room for when all is stuck */
    ROOM_AHEAD = 32 * 1024 /* bytes waiting from which on the kernel is asked to grow its buffer */
};

struct search {
    struct nf_line *line;
    size_t known; /* bytes seen without a delimiter among them */
    bool ready;   /* the last poll said that there is news */
    bool ending;  /* and that what is there is all there will be */
    bool resumed; /* known is what the mark says, and no peek of this call has told otherwise */
};

void nf_stream_unmark(struct nf_line *line)
{
    if (line->in.mark != NF_NO_MARK) {
        line->in.mark = NF_NO_MARK;
        nf_sockopt_set(line->fd, NF_SO_LOWAT, 1);
    }
}

static void begin_to_be_stuck(struct nf_line *line, enum nf_mark mark)
{
    if (line->in.mark < NF_STUCK) {
        line->stuck = nf_ticks();
    }
    line->in.mark = (uint8_t)mark;
}

/* Ask for the news that come after what is known. A mark far ahead makes the kernel's buffer grow;
 * it must not stay, for the delimiter may come before it. A short line may want that, too: what was
 * read before it can hold on to a large piece of the buffer. */
static int set_mark(struct search *search)
{
    struct nf_line *line = search->line;
    int64_t known = (int64_t)search->known;
    int64_t mark = known + 1;
    int code = 0;

    if (line->in.mark == NF_NO_MARK) {
        line->in.mark = NF_MARK;
    }
    if (known >= ROOM_AHEAD || line->in.mark >= NF_STUCK) {
        code = nf_sockopt_set(line->fd, NF_SO_LOWAT, known * 2 + GROWTH);
    }
    if (code == 0) {
        code = nf_sockopt_set(line->fd, NF_SO_LOWAT, known + 1);
    }
    if (known >= LEAST_CAP && code == 0) {
        code = nf_sockopt_get(line->fd, NF_SO_LOWAT, &mark);
    }
    if (mark <= known) {
        begin_to_be_stuck(line, NF_CAPPED);
    }
    return code;
}

/* See whether there is more than what is known, and wait for it until `deadline`. */
static void look(struct search *search, net_deadline deadline)
{
    struct nf_poll polls[2] = {{.fd = search->line->fd, .want = NF_IN | NF_ENDING}};
    struct nf_wake *bell = nf_line_bell(search->line);

    if (bell != NULL) {
        polls[1] = (struct nf_poll){.fd = nf_wake_fd(bell), .want = NF_IN};
    }
    nf_poll(polls, bell != NULL ? 2 : 1, deadline);
    search->ready = polls[0].got != 0;
    search->ending = (polls[0].got & NF_ENDING) != 0;
}

/* Wait until there may be more than what is known. 0, or why not. */
static int wait_for_more(struct search *search, net_deadline deadline)
{
    int code = set_mark(search);

    if (code == 0 && search->line->in.mark >= NF_STUCK) {
        code = nf_pause(nf_line_bell(search->line), NF_STUCK_PAUSE, deadline);
    }
    if (code == 0) {
        look(search, deadline);
    }
    if (nf_is_canceled(&search->line->head)) {
        return nf_fail(NET_CANCELED);
    }
    if (code == 0 && !search->ready && nf_deadline_passed(deadline)) {
        return nf_fail(NET_TIMEOUT);
    }
    return code;
}

/* A poll told of news, and there are none: the window is shut. Whether it has been for too long: a
 * sender asks 200 ms after it shut, then 400. */
static bool stays_stuck(struct search *search, size_t length)
{
    struct nf_lane *lane = &search->line->in;
    bool is_blind = search->resumed && lane->mark == NF_CAPPED;

    search->resumed = false;
    if (!search->ready || (length != search->known && !is_blind)) {
        lane->mark = lane->mark != NF_NO_MARK ? NF_MARK : NF_NO_MARK;
        return false;
    }
    begin_to_be_stuck(search->line, lane->mark == NF_CAPPED ? NF_CAPPED : NF_STUCK);
    return (uint8_t)(nf_ticks() - search->line->stuck) >= NF_TICKS_A_SECOND;
}

/* The length of the line once it is whole: with its delimiter, or all there is before the end. */
static ssize_t find(struct search *search, char *buffer, size_t size, int delimiter,
                    net_deadline deadline)
{
    for (;;) {
        ssize_t n = nf_stream_take(search->line, buffer, size, NF_PEEK | NF_DONTWAIT, deadline);

        if (n < 0) {
            return n;
        }
        const char *found = memchr(buffer, delimiter, (size_t)n);

        if (found != NULL) {
            return found - buffer + 1;
        }
        if ((size_t)n == size) {
            return nf_fail_because(NET_TOOBIG, "no delimiter in %zu bytes", size);
        }
        if (search->ending) {
            return n;
        }
        if (stays_stuck(search, (size_t)n)) {
            return nf_fail_because(NET_TOOBIG, "no delimiter in the %zd bytes the system holds", n);
        }
        search->known = (size_t)n;
        int code = wait_for_more(search, deadline);

        if (code < 0) {
            return code;
        }
    }
}

/* Go on where the last call came to its deadline: what was known then is what the mark says. */
static void resume(struct search *search)
{
    int64_t mark = 0;

    if (search->line->in.mark != NF_NO_MARK &&
        nf_sockopt_get(search->line->fd, NF_SO_LOWAT, &mark) == 0) {
        search->known = (size_t)mark - 1;
        search->resumed = true;
        look(search, NET_NOW);
    }
}

/* At the deadline the mark stays, and a poller has to know what the descriptor does not tell. */
static void leave_mark(struct nf_line *line)
{
    if (line->in.mark >= NF_STUCK) {
        line->stuck_seen = nf_ticks();
        nf_socket_ring(&line->head);
    }
}

ssize_t nf_stream_until(struct nf_line *line, void *buffer, size_t size, int delimiter,
                        net_deadline deadline)
{
    struct search search = {.line = line};

    if (size == 0) {
        return nf_fail_because(NET_TOOBIG, "no delimiter in 0 bytes");
    }
    resume(&search);
    ssize_t n = find(&search, buffer, size, delimiter, deadline);

    if (n == NET_TIMEOUT) {
        leave_mark(line);
    } else {
        nf_stream_unmark(line);
    }
    if (n > 0) {
        n = nf_stream_take(line, buffer, (size_t)n, NF_DONTWAIT, deadline);
    }
    if (n > 0) {
        nf_count(&line->bytes_in, n);
    }
    return n;
}
