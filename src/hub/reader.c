/* Reading a hub's descriptor: one thread reads for all members, the others sleep. */
#include "hub/reader.h"
#include "os/batch.h"
#include "os/transfer.h"
#include "wait/wait.h"

#include <stdlib.h>

enum {
    /* A call whose deadline has passed reads on while the kernel has datagrams: one of them may
     * have come for it in time. It gives up once it has read this many. Overdue peers expire after
     * as many: see read_batch. */
    LATE_ARRIVALS_MAX = 4096,
    CACHE_LINE = 64,
    BEFORE_ENTRY = offsetof(struct nf_peer, remote),
    AFTER_ENTRY = sizeof(struct nf_peer) - BEFORE_ENTRY - 1
};

/* The lock held: free the batch for the next read, or allocate it. 0 or NET_LIMIT. */
static int make_room(struct nf_hub *hub)
{
    if (hub->borrowed == NULL) {
        hub->borrowed = calloc(NF_BATCH_MAX, sizeof *hub->borrowed);
    }
    int code = hub->borrowed != NULL ? nf_hub_spill(hub) : nf_fail_because(NET_LIMIT, "no memory");

    if (code == 0) {
        bool named = nf_addr_is_named(&hub->name);

        hub->batch = nf_batch_renew(hub->batch, named ? NF_BATCH_FROM_NAMES : NF_BATCH_FROM_ANYONE);
    }
    return hub->batch != NULL ? code : NET_LIMIT;
}

/* The sender of each packet of the batch. */
struct senders {
    struct nf_addr addr[NF_BATCH_MAX];
    uint32_t hash[NF_BATCH_MAX];
    bool is_cut[NF_BATCH_MAX];
};

/* Make packets of the arrivals of a batch; they borrow its bytes. With many peers, the table's
 * entries are not in the processor's caches. They are prefetched for the whole batch in two steps:
 * first the buckets, then the entries that these point to. */
static void borrow(struct nf_hub *hub, int arrivals, struct senders *senders)
{
    for (int i = 0; i < arrivals; i++) {
        struct nf_packet *packet = &hub->borrowed[i];
        struct nf_arrival arrival;

        nf_batch_arrival(hub->batch, i, &arrival);
        *packet = (struct nf_packet){.data = arrival.data,
                                     .size = arrival.size,
                                     .segment = arrival.segment,
                                     .is_borrowed = true};
        senders->is_cut[i] = arrival.is_cut;
        nf_batch_addresses(hub->batch, i, &senders->addr[i], &packet->local);
        if (i > 0 && nf_addr_equal(&senders->addr[i], &senders->addr[i - 1])) {
            senders->hash[i] = senders->hash[i - 1];
            continue;
        }
        senders->hash[i] = nf_table_hash(&hub->table, &senders->addr[i]);
        __builtin_prefetch(nf_table_chain(&hub->table, senders->hash[i]));
    }
    for (int i = 0; i < arrivals; i++) {
        const char *entry = (const char *)*nf_table_chain(&hub->table, senders->hash[i]);

        for (int at = -BEFORE_ENTRY; entry != NULL && at <= AFTER_ENTRY; at += CACHE_LINE) {
            __builtin_prefetch(entry + at, 1);
        }
    }
}

/* The lock held: deliver what has arrived. `call` is the call that read it; NULL: a poller did. */
static void sort(struct nf_hub *hub, const struct nf_pending *call, int arrivals, net_deadline now)
{
    struct senders senders;

    borrow(hub, arrivals, &senders);
    hub->borrowed_count = arrivals;
    hub->sorts_for = call != NULL ? call->member : NULL;
    hub->direct = call != NULL ? call->direct : NULL;
    for (int i = 0; i < arrivals; i++) {
        if (senders.is_cut[i]) {
            hub->too_long++;
        } else {
            nf_hub_deliver(hub, &senders.addr[i], senders.hash[i], &hub->borrowed[i], now);
        }
    }
    hub->sorts_for = NULL;
    hub->direct = NULL;
}

/* Read a batch and sort it; no other thread is reading. The lock is held, and released meanwhile.
 * Returns how many arrived, or a code. If none is there, it waits for one until the deadline of the
 * call (a NULL call does not wait), or until the next peer would expire.
 *
 * A datagram of a silent peer may still be in the kernel. So peers expire only after a read that
 * found nothing, or after LATE_ARRIVALS_MAX arrivals, and as of `asked`, the moment before the
 * read. */
static int read_batch(struct nf_hub *hub, const struct nf_pending *call)
{
    net_deadline until = call != NULL ? call->deadline : NET_NOW;
    net_deadline asked = nf_now();
    net_deadline expiry = nf_hub_next_expiry(hub);
    int code = make_room(hub);

    if (code < 0) {
        return code;
    }
    hub->reading = true;
    nf_mutex_unlock(&hub->lock);
    int n = nf_batch_recv(hub->batch, hub->fd, NULL, 0, NF_DONTWAIT);

    if (n == NF_WOULD_BLOCK && asked < expiry && !nf_deadline_passed(until)) {
        code = nf_wait(hub->fd, NF_IN, &hub->wake, nf_earlier(until, expiry));
        n = code >= 0 || code == NET_TIMEOUT ? n : code;
        nf_wake_drain(&hub->wake);
    } else if (n == NF_CONGESTED) {
        nf_pause(&hub->wake, 1, until);
    }
    net_deadline now = n >= 0 ? nf_now() : asked;

    nf_mutex_lock(&hub->lock);
    hub->reading = false;
    hub->drained = n < 0 || !nf_batch_was_full(hub->batch);
    if (n > 0) {
        sort(hub, call, n, now);
        hub->overdue = asked < expiry ? 0 : hub->overdue + n;
    }
    if (n == NF_WOULD_BLOCK || hub->overdue >= LATE_ARRIVALS_MAX) {
        nf_hub_expire(hub, asked);
        hub->overdue = 0;
    }
    return n;
}

/* Read, or sleep while another thread reads. */
int nf_reader_step(struct nf_pending *call)
{
    struct nf_hub *hub = call->member->hub;
    bool passed = nf_deadline_passed(call->deadline);

    if (hub->reading) {
        if (passed) {
            return nf_fail(NET_TIMEOUT);
        }
        nf_hub_sleep(call->member, call->deadline);
        return 0;
    }
    int n = read_batch(hub, call);
    bool nothing = n == NF_WOULD_BLOCK || n == NF_CONGESTED;

    if (n < 0 && !nothing) {
        return n;
    }
    call->arrivals += nothing ? 0 : n;
    return passed && (nothing || call->arrivals >= LATE_ARRIVALS_MAX) && !nf_pending_is_done(call)
               ? nf_fail(NET_TIMEOUT)
               : 0;
}

/* While any call sleeps, one thread must read. */
void nf_reader_leave(struct nf_hub *hub)
{
    if (!hub->reading && hub->asleep.last != NULL) {
        nf_hub_wake(NF_HOLDER(hub->asleep.last, struct nf_sleeper, link)->member, 1);
    }
}

net_deadline nf_reader_pump(struct nf_common *common)
{
    struct nf_hub *hub = (struct nf_hub *)common;

    nf_mutex_lock(&hub->lock);
    nf_hub_own(hub);
    int code = hub->reading ? 0 : read_batch(hub, NULL);

    nf_reader_leave(hub);
    net_deadline next = nf_hub_next_expiry(hub);

    nf_mutex_unlock(&hub->lock);
    if (code == NET_LIMIT) {
        nf_pause(NULL, 1, NET_FOREVER); /* no memory: the poller would call at once */
    }
    return next;
}
