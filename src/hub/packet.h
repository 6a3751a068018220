/* Datagrams that wait. A letter is a datagram, or a train of them that one sender sent in a row; it
 * is read datagram by datagram. Its bytes are its own, or lie in the batch it came with: then it
 * has to move out before the next batch comes. No locks here: see udp_hub.h. */
#ifndef NF_HUB_PACKET_H
#define NF_HUB_PACKET_H

#include "os/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nf_letter {
    struct nf_letter *next; /* of the same sender */
    struct nf_letter *previous;
    struct nf_letter *newer; /* of all strangers' */
    struct nf_letter *older;
    struct nf_mailbox *box; /* its sender's; NULL: it waits nowhere */
    struct nf_addr local;   /* the address of ours it was sent to; NF_NOWHERE: unknown */
    unsigned char *data;
    size_t size;    /* of all that is left */
    size_t segment; /* of each datagram but the last */
    bool is_lodger; /* its bytes are a batch's, and it is not to be freed */
    bool is_strangers;
    bool is_unasked; /* it was let in without asking the bounds */
};

/* What waits somewhere, or in several places together. */
struct nf_load {
    int64_t bytes; /* of payload */
    int64_t datagrams;
};

struct nf_mailbox {
    struct nf_letter *first;
    struct nf_letter *last;
    struct nf_load load;
};

/* A letter with a copy of the bytes, or with room for them where `data` is NULL; NULL: no memory.
 */
struct nf_letter *nf_letter_new(const void *data, size_t size, size_t segment,
                                const struct nf_addr *local);
void nf_letter_free(struct nf_letter *letter);

/* A copy, in memory of its own, of the first `count` datagrams, at least 1; NULL: no memory. */
struct nf_letter *nf_letter_copy(const struct nf_letter *letter, int64_t count);

/* How many datagrams it has, and how many of them fit where so much waits already and at most
 * `bound` bytes may. */
int64_t nf_letter_count(const struct nf_letter *letter);
int64_t nf_letter_fit(const struct nf_letter *letter, const struct nf_load *load, int64_t bound);

/* Keep the first `count` datagrams of it, at least 1. */
void nf_letter_cut(struct nf_letter *letter, int64_t count);

/* Take the first datagram out of a letter: copy as much of it as fits, return its length. Nothing
 * is left in it when its size is 0 then. */
size_t nf_letter_read(struct nf_letter *letter, void *buffer, size_t size);

/* Put a letter last into a box, take it out, and let another take its place. Each weighs on the
 * box's load and on `whole`. */
void nf_mail_append(struct nf_mailbox *box, struct nf_load *whole, struct nf_letter *letter);
void nf_mail_remove(struct nf_load *whole, struct nf_letter *letter);
void nf_mail_replace(struct nf_load *whole, struct nf_letter *letter, struct nf_letter *other);

/* Let a letter in a box weigh nothing for a while (-1), and again what it weighs (1). */
void nf_mail_weigh(struct nf_load *whole, const struct nf_letter *letter, int sign);

/* nf_letter_read for one in a box. After the last datagram it is out of the box. */
size_t nf_mail_read(struct nf_load *whole, struct nf_letter *letter, void *buffer, size_t size);

#endif
