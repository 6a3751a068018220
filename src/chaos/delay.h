/* The delayed bytes of a stream: a bounded buffer, and when each part of it arrives. Nothing here
 * waits or locks; the caller holds the turn. */
#ifndef NF_CHAOS_DELAY_H
#define NF_CHAOS_DELAY_H

#include "netfacade.h"

enum { NF_DELAY_ROOM = 64 * 1024, NF_DELAY_PARTS = 1024 };

struct nf_delay_part {
    size_t size;
    net_deadline due;
};

struct nf_delay {
    char *bytes;  /* NF_DELAY_ROOM */
    size_t first; /* offset of the first byte */
    size_t count;
    size_t arrived;                            /* how many of `count` have arrived */
    struct nf_delay_part part[NF_DELAY_PARTS]; /* a ring: the parts that have not */
    unsigned first_part;
    unsigned parts;
    net_deadline end; /* when the end of the stream arrives; 0: not seen yet */
};

/* An empty one; NULL: NET_LIMIT. */
struct nf_delay *nf_delay_new(void);
void nf_delay_free(struct nf_delay *delay);

/* How many bytes you may write at *where, before nf_delay_put; 0: it is full, or the end was seen.
 */
size_t nf_delay_space(struct nf_delay *delay, char **where);
void nf_delay_put(struct nf_delay *delay, size_t size, net_deadline due);

/* How many bytes have arrived by `now`; they begin at *where. */
size_t nf_delay_arrived(struct nf_delay *delay, net_deadline now, const char **where);
void nf_delay_take(struct nf_delay *delay, void *buffer, size_t size);

/* When the next bytes or the end arrive; NET_FOREVER: neither is expected. */
net_deadline nf_delay_next(const struct nf_delay *delay);

#endif
