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
    ROOM_AHEAD = 32 * 1024, /* bytes waiting from which on the kernel is asked to grow its buffer */
    PAUSE = 20,             /* ms between looks at a window that is shut */
    SHUT_FOR = 1000 /* ms after which it stays shut: a sender asks 200 ms after it shut, then 400 */
};

struct search {
    struct nf_line *line;
    size_t known; /* bytes seen without a delimiter among them */
    bool ready;   /* the last poll said that there is news */
    bool ending;  /* and that what is there is all there will be */
    net_deadline
        shut; /* until when a window that seems shut may open; NET_NOW: it does not seem so */
};

void nf_stream_unmark(struct nf_line *line)
{
    if (line->in.marked) {
        line->in.marked = false;
        nf_sockopt_set(line->fd, NF_SO_LOWAT, 1);
    }
}

/* Ask for the news that come after what is known. A mark far ahead makes the kernel's buffer grow;
 * it must not stay, for the delimiter may come before it. */
static int set_mark(struct search *search)
{
    int code = 0;

    search->line->in.marked = true;
    if (search->known >= ROOM_AHEAD) {
        code =
            nf_sockopt_set(search->line->fd, NF_SO_LOWAT, (int64_t)search->known * 2 + ROOM_AHEAD);
    }
    if (code == 0) {
        code = nf_sockopt_set(search->line->fd, NF_SO_LOWAT, (int64_t)search->known + 1);
    }
    return code;
}

/* Wait until there may be more than what is known. */
static int wait_for_more(struct search *search, net_deadline deadline)
{
    int code = set_mark(search);

    if (code == 0 && search->shut != NET_NOW) {
        code = nf_pause(NULL, PAUSE, deadline);
    }
    if (code == 0) {
        code = nf_wait(search->line->fd, NF_IN | NF_ENDING, NULL, deadline);
    }
    if (nf_is_canceled(&search->line->head)) {
        return nf_fail(NET_CANCELED);
    }
    search->ready = code > 0;
    search->ending = code > 0 && (code & NF_ENDING) != 0;
    return code;
}

/* A poll told of news, and there are none: the window is shut. Whether it has been for too long. */
static bool stays_shut(struct search *search, size_t length)
{
    if (length != search->known || !search->ready) {
        search->shut = NET_NOW;
    } else if (search->shut == NET_NOW) {
        search->shut = nf_deadline_after(nf_now(), SHUT_FOR);
    }
    return search->shut != NET_NOW && nf_deadline_passed(search->shut);
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
        if (stays_shut(search, (size_t)n)) {
            return nf_fail_because(NET_TOOBIG, "no delimiter in the %zd bytes the system holds", n);
        }
        search->known = (size_t)n;
        int code = wait_for_more(search, deadline);

        if (code < 0) {
            return code;
        }
    }
}

ssize_t nf_stream_until(struct nf_line *line, void *buffer, size_t size, int delimiter,
                        net_deadline deadline)
{
    struct search search = {.line = line, .shut = NET_NOW};

    if (size == 0) {
        return nf_fail_because(NET_TOOBIG, "no delimiter in 0 bytes");
    }
    ssize_t n = find(&search, buffer, size, delimiter, deadline);

    if (n != NET_TIMEOUT) {
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
