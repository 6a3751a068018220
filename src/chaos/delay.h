/* Bytes on their way: a bounded piece of a stream, and when each part of it has arrived. Pure
 * memory: nothing here waits. */
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
    size_t first; /* where the bytes begin */
    size_t count;
    size_t due;                                /* of them, have arrived */
    struct nf_delay_part part[NF_DELAY_PARTS]; /* of the others, as a ring */
    unsigned first_part;
    unsigned parts;
    net_deadline end; /* of the stream, after the bytes; 0: not seen yet */
};

/* NULL: NET_LIMIT. */
struct nf_delay *nf_delay_new(void);
void nf_delay_free(struct nf_delay *delay);

/* How many bytes may be put, at *where; 0: it is full, or the end was seen. */
size_t nf_delay_space(struct nf_delay *delay, char **where);
void nf_delay_put(struct nf_delay *delay, size_t size, net_deadline due);

/* Look at the clock: how many bytes have arrived, at *where. */
size_t nf_delay_arrived(struct nf_delay *delay, net_deadline now, const char **where);
void nf_delay_take(struct nf_delay *delay, void *buffer, size_t size);

/* When the next bytes arrive, or the end; NET_FOREVER: nothing is on its way. */
net_deadline nf_delay_next(const struct nf_delay *delay);

#endif
