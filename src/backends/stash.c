/* A line of text from a local stream. poll(2) knows no low-water mark there, and a sender may be
 * out of room when few bytes wait, one for each call of his. So the part of a line that is known to
 * lack its delimiter is taken from the descriptor, and stashed until the rest comes or somebody
 * receives otherwise; never more than that. */
#include "backends/stash.h"
#include "backends/stream.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

/* Hand out the first `n` bytes of the stash. */
static ssize_t hand_out(struct nf_local_line *self, char *buffer, size_t n)
{
    memcpy(buffer, self->stash, n);
    self->stashed -= n;
    memmove(self->stash, self->stash + n, self->stashed);
    if (self->stashed == 0) {
        free(self->stash);
        self->stash = NULL;
        self->room = 0;
        atomic_store(&self->line.in.mark, NF_NO_MARK);
    }
    atomic_store(&self->is_news, self->stashed > 0);
    nf_count(&self->line.bytes_in, (int64_t)n);
    return (ssize_t)n;
}

static int make_room(struct nf_local_line *self, size_t size)
{
    size_t room = self->room > 0 ? self->room : FIRST_ROOM;

    while (room < size) {
        room *= 2;
    }
    char *larger = room > self->room ? realloc(self->stash, room) : self->stash;

    if (larger == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory for the part of a line that came");
    }
    self->stash = larger;
    self->room = room;
    return 0;
}

/* So many bytes wait, and have no delimiter. */
static ssize_t stash(struct nf_local_line *self, size_t size, net_deadline deadline)
{
    int code = make_room(self, self->stashed + size);
    ssize_t n = code < 0 ? code
                         : nf_stream_take(&self->line, self->stash + self->stashed, size,
                                          NF_DONTWAIT, deadline);

    if (n > 0) {
        self->stashed += (size_t)n;
    }
    if (self->stashed > 0) {
        atomic_store(&self->line.in.mark, NF_STASHED);
    }
    return n;
}

/* It is no line in so few bytes: whoever receives otherwise may have it. */
static int refuse(struct nf_local_line *self, size_t size)
{
    atomic_store(&self->is_news, self->stashed > 0);
    nf_socket_ring(&self->line.head);
    return nf_fail_because(NET_TOOBIG, "no delimiter in %zu bytes", size);
}

/* The delimiter is `n` bytes behind what is stashed. */
static ssize_t take_line(struct nf_local_line *self, char *buffer, size_t n, net_deadline deadline)
{
    size_t before = self->stashed;
    ssize_t taken = nf_stream_take(&self->line, buffer + before, n, NF_DONTWAIT, deadline);

    if (taken < 0) {
        return taken;
    }
    nf_count(&self->line.bytes_in, taken);
    return taken + (before > 0 ? hand_out(self, buffer, before) : 0);
}

/* What is stashed may have this delimiter, when it was searched for another. */
static ssize_t search_stash(struct nf_local_line *self, char *buffer, size_t size, int delimiter)
{
    size_t n = self->stashed < size ? self->stashed : size;
    const char *found = n > 0 ? memchr(self->stash, delimiter, n) : NULL;

    if (found != NULL) {
        return hand_out(self, buffer, (size_t)(found - self->stash) + 1);
    }
    return self->stashed >= size ? refuse(self, size) : 0;
}

static ssize_t find(struct nf_local_line *self, char *buffer, size_t size, int delimiter,
                    net_deadline deadline)
{
    struct nf_line *line = &self->line;
    ssize_t n = search_stash(self, buffer, size, delimiter);

    if (n == 0) {
        atomic_store(&self->is_news, false);
    }
    while (n == 0) {
        int how = NF_PEEK | nf_lane_patience(line->fd, &line->in, NF_SO_RCVTIMEO, deadline);
        size_t left = size - self->stashed;

        n = nf_stream_take(line, buffer + self->stashed, left, how, deadline);
        if (n < 0) {
            break;
        }
        const char *start = buffer + self->stashed;
        const char *found = memchr(start, delimiter, (size_t)n);

        if (found != NULL) {
            return take_line(self, buffer, (size_t)(found - start) + 1, deadline);
        }
        if ((size_t)n == left) {
            return refuse(self, size);
        }
        n = stash(self, (size_t)n, deadline);
        n = n > 0 ? 0 : n;
    }
    if ((n == NET_EOF || n == NET_RESET) && self->stashed > 0) {
        return hand_out(self, buffer, self->stashed);
    }
    return n;
}

/* The rest of a buffer, of which `filled` bytes were stashed. */
static ssize_t fill(struct nf_line *line, char *buffer, size_t filled, size_t size,
                    net_deadline deadline)
{
    while (filled < size) {
        int how = nf_lane_patience(line->fd, &line->in, NF_SO_RCVTIMEO, deadline);
        ssize_t n = nf_stream_take(line, buffer + filled, size - filled, how, deadline);

        if (n < 0) {
            break;
        }
        nf_count(&line->bytes_in, n);
        filled += (size_t)n;
    }
    return (ssize_t)filled;
}

ssize_t nf_stash_recv(struct nf_line *line, void *buffer, size_t size, int until,
                      net_deadline deadline)
{
    struct nf_local_line *self = (struct nf_local_line *)line;

    if (until >= 0 && !self->has_urgent) { /* else poll tells of one that no peek sees */
        self->has_urgent = nf_sockopt_set(line->fd, NF_SO_URGENT, 1) == 0;
    }
    if (until >= 0) {
        return size > 0 ? find(self, buffer, size, until, deadline) : refuse(self, size);
    }
    size_t n = self->stashed < size ? self->stashed : size;

    hand_out(self, buffer, n);
    return until == NF_ALL ? fill(line, buffer, n, size, deadline) : (ssize_t)n;
}
