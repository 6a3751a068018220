/* Memory for the bytes that a socket keeps. */
#include "socket/kept.h"
#include "socket/socket.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNUSED_MOST = 256,  /* bytes of room that are not worth a smaller object */
    MOVED_MOST = 32768, /* bytes that are moved to a smaller object */
    GROWTH = 4          /* more than one growth makes of the room, or each byte could cause both */
};

static size_t larger_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The room at least doubles, and the bytes move to the front only if at least as many were taken
 * before: so each byte moves a bounded number of times. */
char *nf_kept_space(struct nf_kept **kept, size_t least, size_t more)
{
    struct nf_kept *old = *kept;
    size_t used = old != NULL ? old->first + old->count : 0;
    size_t room = old != NULL ? old->room : 0;

    if (old != NULL && room - used < more && old->first >= old->count) {
        memmove(old->bytes, old->bytes + old->first, old->count);
        old->first = 0;
        used = old->count;
    }
    if (room - used >= more) {
        return old->bytes + used;
    }
    room = larger_of(used + more, old != NULL ? 2 * room : least);
    struct nf_kept *larger = realloc(old, sizeof *larger + room);

    if (larger == NULL) {
        nf_fail_because(NET_LIMIT, "no memory for the bytes to keep");
        return NULL;
    }
    if (old == NULL) {
        memset(larger, 0, sizeof *larger);
    }
    larger->room = room;
    *kept = larger;
    return larger->bytes + used;
}

size_t nf_kept_take(struct nf_kept **kept, char *buffer, size_t size)
{
    struct nf_kept *from = *kept;
    size_t n = size < from->count ? size : from->count;

    if (buffer != NULL && n > 0) {
        memcpy(buffer, from->bytes + from->first, n);
    }
    from->first += n;
    from->count -= n;
    from->searched -= n < from->searched ? n : from->searched;
    if (from->count == 0) {
        *kept = NULL;
        free(from);
    }
    return n;
}

/* malloc gives a large object pages of its own, and realloc leaves it there: a few bytes would keep
 * a page and a mapping. NULL: no memory, and the old object stays. */
static struct nf_kept *shrink(struct nf_kept *old)
{
    size_t size = sizeof *old + old->count;

    if (old->count > MOVED_MOST) {
        return realloc(old, size);
    }
    struct nf_kept *smaller = malloc(size);

    if (smaller != NULL) {
        memcpy(smaller, old, size);
        free(old);
    }
    return smaller;
}

void nf_kept_fit(struct nf_kept **kept)
{
    struct nf_kept *old = *kept;

    if (old == NULL) {
        return;
    }
    if (old->count == 0) {
        *kept = NULL;
        free(old);
    } else if (old->room > UNUSED_MOST && old->count < old->room / GROWTH) {
        memmove(old->bytes, old->bytes + old->first, old->count);
        old->first = 0;
        struct nf_kept *smaller = shrink(old);

        if (smaller != NULL) {
            smaller->room = smaller->count;
            *kept = smaller;
        }
    }
}

void nf_kept_set_ready(net_socket *socket, bool is_ready)
{
    bool was = atomic_load_explicit(&socket->kept_is_ready, memory_order_relaxed);

    if (was != is_ready) {
        atomic_store(&socket->kept_is_ready, is_ready);
    }
    if (is_ready && !was) {
        nf_socket_notify(socket);
    }
}
