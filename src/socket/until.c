/* Receiving from a stream, and the part of a line that is kept. What moves the bytes is the
 * stream's own; nothing here knows one wire from another. */
#include "socket/until.h"
#include "os/transfer.h"
#include "wait/deadline.h"

#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_LEAST = 1024,     /* bytes that a search looks at: most lines are shorter */
    WINDOW_MOST = 16 * 1024, /* a peek in tiny segments costs the square of their number */
    KEPT_LEAST = 1024,       /* bytes of memory for a part */
    ONCE = 1024 * 1024,      /* bytes that one system call may move, */
    LATE = ONCE,             /* one call after its deadline has passed, */
    LATE_AT_ONCE = 4 * ONCE, /* and one that never was to wait; */
    STEP_LEAST = 512         /* as so many counts what comes in smaller pieces */
};

/* Its bytes begin at `first`; without any there is no object. */
struct nf_kept {
    size_t first;
    size_t count;
    size_t room;
    size_t searched; /* so many of the bytes are known not to be `delimiter` */
    int delimiter;
    char bytes[];
};

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t count_of(const net_socket *socket)
{
    return socket->kept != NULL ? socket->kept->count : 0;
}

/* Whether a poller is to tell of what is kept: as a part of a line it is no news. */
static void set_data(net_socket *socket, bool is_data)
{
    bool was = atomic_load_explicit(&socket->kept_is_data, memory_order_relaxed);

    if (was != is_data) {
        atomic_store(&socket->kept_is_data, is_data);
    }
    if (is_data && !was) {
        nf_socket_ring(socket);
    }
}

/* ---- What is kept ---- */

static size_t hand_out(net_socket *socket, char *buffer, size_t size)
{
    struct nf_kept *kept = socket->kept;
    size_t n = lesser(size, kept->count);

    memcpy(buffer, kept->bytes + kept->first, n);
    kept->first += n;
    kept->count -= n;
    kept->searched -= lesser(n, kept->searched);
    if (kept->count == 0) {
        socket->kept = NULL;
        free(kept);
    }
    set_data(socket, socket->kept != NULL);
    return n;
}

/* Have room for `more` bytes behind those that are kept. Bytes move only where at least as many
 * were handed out before, so that each moves a bounded number of times. 0 or NET_LIMIT. */
static int make_room(net_socket *socket, size_t more)
{
    struct nf_kept *kept = socket->kept;
    size_t used = kept != NULL ? kept->first + kept->count : 0;
    size_t room = kept != NULL ? kept->room : KEPT_LEAST;

    if (kept != NULL && room - used < more && kept->first >= kept->count) {
        memmove(kept->bytes, kept->bytes + kept->first, kept->count);
        kept->first = 0;
        used = kept->count;
    }
    while (room - used < more) {
        room *= 2;
    }
    if (kept != NULL && room == kept->room) {
        return 0;
    }
    struct nf_kept *larger = realloc(kept, sizeof *larger + room);

    if (larger == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory for the part of a line that came");
    }
    if (kept == NULL) {
        memset(larger, 0, sizeof *larger);
    }
    larger->room = room;
    socket->kept = larger;
    return 0;
}

/* Take `size` bytes that were looked at, and have no delimiter. How many, or why not, as NET_LIMIT:
 * then they wait where they were. */
static ssize_t keep(net_socket *socket, nf_take *take, size_t size, int delimiter,
                    net_deadline deadline)
{
    int code = make_room(socket, size);

    if (code < 0) {
        return code;
    }
    struct nf_kept *kept = socket->kept;
    ssize_t n = take(socket, kept->bytes + kept->first + kept->count, size, NF_DONTWAIT, deadline);

    kept->count += n > 0 ? (size_t)n : 0;
    kept->searched = kept->count;
    kept->delimiter = delimiter;
    if (kept->count == 0) {
        socket->kept = NULL;
        free(kept);
    }
    return n;
}

/* ---- Lines ---- */

static int too_big(net_socket *socket, size_t size)
{
    set_data(socket, socket->kept != NULL);
    return nf_fail_because(NET_TOOBIG, "no delimiter in %zu bytes", size);
}

/* The line, if what is kept has its end; 0: it has not, and is less than `size`; or NET_TOOBIG. */
static ssize_t search_kept(net_socket *socket, char *buffer, size_t size, int delimiter)
{
    struct nf_kept *kept = socket->kept;
    size_t most = lesser(count_of(socket), size);

    if (kept != NULL) {
        size_t known = kept->delimiter == delimiter ? lesser(kept->searched, most) : 0;
        const char *start = kept->bytes + kept->first;
        const char *found = memchr(start + known, delimiter, most - known);

        if (found != NULL) {
            return (ssize_t)hand_out(socket, buffer, (size_t)(found - start) + 1);
        }
    }
    if (most == size) {
        return too_big(socket, size);
    }
    if (kept != NULL) {
        kept->searched = kept->count;
        kept->delimiter = delimiter;
    }
    set_data(socket, false);
    return 0;
}

/* The rest of a line waits, and is `size` bytes with its delimiter: the whole line, or why not. */
static ssize_t take_line(net_socket *socket, nf_take *take, char *buffer, size_t size,
                         net_deadline deadline)
{
    size_t known = count_of(socket);
    size_t taken = 0;
    ssize_t n = 0;

    while (taken < size && n >= 0) { /* one call, but where an urgent byte has come between */
        n = take(socket, buffer + known + taken, size - taken, NF_DONTWAIT, deadline);
        taken += n > 0 ? (size_t)n : 0;
    }
    if (taken == 0) {
        return n;
    }
    return (ssize_t)(taken + (known > 0 ? hand_out(socket, buffer, known) : 0));
}

/* Look at what comes next, behind the `known` bytes that are kept, and take it: the whole line, or
 * 0 and a part of it is kept, or why not. */
static ssize_t advance(net_socket *socket, nf_take *take, char *buffer, size_t size, int delimiter,
                       net_deadline deadline)
{
    size_t known = count_of(socket);
    size_t window = known < WINDOW_LEAST ? WINDOW_LEAST : lesser(known, WINDOW_MOST);
    char *ahead = buffer + known;
    ssize_t n = take(socket, ahead, lesser(window, size - known), NF_PEEK, deadline);

    if (n < 0) {
        return n;
    }
    const char *found = memchr(ahead, delimiter, (size_t)n);

    if (found != NULL) {
        return take_line(socket, take, buffer, (size_t)(found - ahead) + 1, deadline);
    }
    if ((size_t)n == size - known) {
        return too_big(socket, size);
    }
    n = keep(socket, take, (size_t)n, delimiter, deadline);
    return n < 0 ? n : 0;
}

/* More has come, but no end of it: whether a call may go on, whose deadline may have passed. What
 * takes time is the looking, so that a peer could stretch it by bytes that come one by one. */
static bool may_go_on(size_t more, size_t *late, net_deadline deadline)
{
    if (nf_deadline_passed(deadline)) {
        *late += more > STEP_LEAST ? more : STEP_LEAST;
    }
    return *late < (size_t)(deadline == NET_NOW ? LATE_AT_ONCE : LATE);
}

/* What comes before an end or a failure is handed out first; a deadline, a cancel and a want of
 * memory leave it where it is. */
static bool is_final(ssize_t code)
{
    return code != NET_TIMEOUT && code != NET_CANCELED && code != NET_LIMIT && code != NET_TOOBIG;
}

static ssize_t receive_line(net_socket *socket, nf_take *take, char *buffer, size_t size,
                            int delimiter, net_deadline deadline)
{
    ssize_t n = search_kept(socket, buffer, size, delimiter);
    size_t late = 0;

    while (n == 0) {
        size_t known = count_of(socket);

        n = advance(socket, take, buffer, size, delimiter, deadline);
        if (n == 0 && !may_go_on(count_of(socket) - known, &late, deadline)) {
            n = nf_fail(NET_TIMEOUT);
        }
    }
    if (n < 0 && socket->kept != NULL && is_final(n)) {
        n = (ssize_t)hand_out(socket, buffer, size);
    }
    return n;
}

/* ---- Bytes ---- */

static ssize_t receive_some(net_socket *socket, nf_take *take, char *buffer, size_t size, int how,
                            net_deadline deadline)
{
    if (socket->kept != NULL) {
        return (ssize_t)hand_out(socket, buffer, size);
    }
    return take(socket, buffer, lesser(size, ONCE), how, deadline);
}

static ssize_t receive_all(net_socket *socket, nf_take *take, char *buffer, size_t size,
                           net_deadline deadline)
{
    size_t filled = 0;
    size_t late = 0;

    while (filled < size) {
        ssize_t n = receive_some(socket, take, buffer + filled, size - filled, NF_WHOLE, deadline);

        if (n >= 0 && (size_t)n < size - filled && !may_go_on((size_t)n, &late, deadline)) {
            filled += (size_t)n;
            n = nf_fail(NET_TIMEOUT);
        }
        if (n < 0) {
            return filled > 0 ? (ssize_t)filled : n;
        }
        filled += (size_t)n;
    }
    return (ssize_t)filled;
}

static ssize_t look(net_socket *socket, nf_take *take, char *buffer, size_t size,
                    net_deadline deadline)
{
    const struct nf_kept *kept = socket->kept;

    if (kept == NULL) {
        return take(socket, buffer, lesser(size, ONCE), NF_PEEK, deadline);
    }
    memcpy(buffer, kept->bytes + kept->first, lesser(size, kept->count));
    return (ssize_t)lesser(size, kept->count);
}

ssize_t nf_receive(net_socket *socket, nf_take *take, void *buffer, size_t size, int until,
                   net_deadline deadline)
{
    switch (until) {
    case NF_SOME:
        return receive_some(socket, take, buffer, size, 0, deadline);
    case NF_ALL:
        return receive_all(socket, take, buffer, size, deadline);
    case NF_LOOK:
        return look(socket, take, buffer, size, deadline);
    default:
        return receive_line(socket, take, buffer, size, until, deadline);
    }
}
