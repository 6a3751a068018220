/* Receiving from a stream, and the stored part of a line. The stream's own function moves the
 * bytes; nothing here depends on the wire. */
#include "socket/until.h"
#include "socket/kept.h"
#include "socket/socket.h"
#include "os/transfer.h"

#include <string.h>

enum {
    WINDOW_LEAST = 1024,     /* bytes that a search peeks at: most lines are shorter */
    WINDOW_MOST = 16 * 1024, /* peeks at tiny segments cost the square of their number */
    PARTIAL_LEAST = 1024,    /* bytes of memory for a partial line */
    LOOK_LEAST = 512         /* bytes that a look and a receive count as */
};

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- The stored part ---- */

/* A part that a search for a delimiter left does not count as readable, since only more bytes can
 * complete the line. What another receive has left of it does. */
static size_t take_kept(net_socket *socket, char *buffer, size_t size)
{
    size_t n = nf_kept_take(&socket->kept, buffer, size);

    nf_kept_set_ready(socket, socket->kept != NULL);
    return n;
}

/* Receive and store `size` bytes that a peek found to have no delimiter. Returns how many, or a
 * code such as NET_LIMIT; the bytes then stay where they were. */
static ssize_t take_partial(net_socket *socket, nf_take *take, size_t size, int delimiter,
                            net_deadline deadline)
{
    char *space = nf_kept_space(&socket->kept, PARTIAL_LEAST, size);

    if (space == NULL) {
        return NET_LIMIT;
    }
    ssize_t n = take(socket, space, size, NF_DONTWAIT, deadline);
    struct nf_kept *kept = socket->kept;

    kept->count += n > 0 ? (size_t)n : 0;
    kept->searched = kept->count;
    kept->delimiter = delimiter;
    if (kept->count == 0) {
        nf_kept_fit(&socket->kept);
    }
    return n;
}

/* ---- Lines ---- */

static int too_big(net_socket *socket, size_t size)
{
    nf_kept_set_ready(socket, socket->kept != NULL);
    return nf_fail_because(NET_TOOBIG, "no delimiter in %zu bytes", size);
}

/* Search the stored part. Returns the length of the line if it is complete; 0: there is no
 * delimiter, and the part is shorter than `size`; or NET_TOOBIG. */
static ssize_t search_partial(net_socket *socket, char *buffer, size_t size, int delimiter)
{
    struct nf_kept *kept = socket->kept;
    size_t most = lesser(nf_kept_count(socket->kept), size);

    if (kept != NULL) {
        size_t known = kept->delimiter == delimiter ? lesser(kept->searched, most) : 0;
        const char *start = nf_kept_start(kept);
        const char *found = memchr(start + known, delimiter, most - known);

        if (found != NULL) {
            return (ssize_t)take_kept(socket, buffer, (size_t)(found - start) + 1);
        }
    }
    if (most == size) {
        return too_big(socket, size);
    }
    if (kept != NULL) {
        kept->searched = kept->count;
        kept->delimiter = delimiter;
    }
    nf_kept_set_ready(socket, false);
    return 0;
}

/* Receive the rest of a line, `size` bytes with the delimiter, and return the length of the
 * whole line or a code. */
static ssize_t take_line(net_socket *socket, nf_take *take, char *buffer, size_t size,
                         net_deadline deadline)
{
    size_t known = nf_kept_count(socket->kept);
    size_t taken = 0;
    ssize_t n = 0;

    while (taken < size && n >= 0) { /* one call, unless an urgent byte has come between */
        n = take(socket, buffer + known + taken, size - taken, NF_DONTWAIT, deadline);
        taken += n > 0 ? (size_t)n : 0;
    }
    if (taken == 0) {
        return n;
    }
    return (ssize_t)(taken + (known > 0 ? take_kept(socket, buffer, known) : 0));
}

/* Peek at what follows the `known` stored bytes, and receive it. Returns the length of the whole
 * line; 0: a part is stored and the line is not complete; or a code. */
static ssize_t advance(net_socket *socket, nf_take *take, char *buffer, size_t size, int delimiter,
                       net_deadline deadline)
{
    size_t known = nf_kept_count(socket->kept);
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
    n = take_partial(socket, take, (size_t)n, delimiter, deadline);
    return n < 0 ? n : 0;
}

/* Whether the stored part is returned before this code. An end or a failure of the stream is
 * final. After a timeout, a cancel, NET_LIMIT or NET_TOOBIG the part stays stored. */
static bool is_final(ssize_t code)
{
    return code != NET_TIMEOUT && code != NET_CANCELED && code != NET_LIMIT && code != NET_TOOBIG;
}

static ssize_t receive_line(net_socket *socket, nf_take *take, char *buffer, size_t size,
                            int delimiter, net_deadline deadline)
{
    ssize_t n = search_partial(socket, buffer, size, delimiter);
    struct nf_pace pace = {.least = LOOK_LEAST};

    while (n == 0) {
        size_t known = nf_kept_count(socket->kept);

        n = advance(socket, take, buffer, size, delimiter, deadline);
        if (n == 0) {
            n = nf_socket_go_on(socket, &pace, nf_kept_count(socket->kept) - known, deadline);
        }
    }
    if (n < 0 && socket->kept != NULL && is_final(n)) {
        n = (ssize_t)take_kept(socket, buffer, size);
    }
    return n;
}

/* ---- Bytes ---- */

static ssize_t receive_some(net_socket *socket, nf_take *take, char *buffer, size_t size, int how,
                            net_deadline deadline)
{
    if (socket->kept != NULL) {
        return (ssize_t)take_kept(socket, buffer, size);
    }
    return take(socket, buffer, lesser(size, NF_AT_ONCE), how, deadline);
}

static ssize_t receive_all(net_socket *socket, nf_take *take, char *buffer, size_t size,
                           net_deadline deadline)
{
    size_t filled = 0;
    struct nf_pace pace = {.least = LOOK_LEAST};

    while (filled < size) {
        ssize_t n = receive_some(socket, take, buffer + filled, size - filled, NF_WHOLE, deadline);

        if (n < 0) {
            return filled > 0 ? (ssize_t)filled : n;
        }
        filled += (size_t)n;
        if (filled < size && nf_socket_go_on(socket, &pace, (size_t)n, deadline) < 0) {
            break;
        }
    }
    return (ssize_t)filled;
}

static ssize_t look(net_socket *socket, nf_take *take, char *buffer, size_t size,
                    net_deadline deadline)
{
    struct nf_kept *kept = socket->kept;

    if (kept == NULL) {
        return take(socket, buffer, lesser(size, NF_AT_ONCE), NF_PEEK, deadline);
    }
    memcpy(buffer, nf_kept_start(kept), lesser(size, kept->count));
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
