/* Reading a hub's descriptor: one thread reads for all members, the others sleep. */
#include "hub/reader.h"
#include "os/batch.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/transfer.h"
#include "wait/deadline.h"
#include "wait/wait.h"

#include <limits.h>
#include <stdlib.h>

enum {
    EXPIRE_AFTER = 4096,  /* arrivals after which overdue peers expire: see read_batch */
    OTHER_READ_PAUSE = 1, /* ms that a poller waits at most until another thread has read */
    SEND_ERRORS_MAX = 16, /* errors of earlier sends that a read skips */
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

/* Wait until the descriptor has something, without the lock. Meanwhile the batch is not touched, so
 * a poller may read. 0 or a code. */
static int wait_to_read(struct nf_hub *hub, net_deadline until)
{
    atomic_store(&hub->reader_waits, true);
    int code = nf_wait(hub->fd, NF_IN, &hub->wake, until);

    nf_wake_drain(&hub->wake);
    return code >= 0 || code == NET_TIMEOUT ? 0 : code;
}

/* The lock held: this thread has read. A poller may wait for that. */
static void end_read(struct nf_hub *hub)
{
    hub->reading = false;
    atomic_store(&hub->reader_waits, false);
    atomic_fetch_add(&hub->reads, 1);
    if (hub->pollers_wait > 0) {
        nf_futex_wake(&hub->reads, INT_MAX);
    }
}

/* Receive a batch without waiting. With IP_RECVERR a receive fails with the error of a datagram
 * that was sent to any peer: that is nobody's failure here, and what has arrived is behind it. */
static int receive(struct nf_hub *hub)
{
    int n = NF_WOULD_BLOCK;
    bool of_a_send = true;

    for (int i = 0; of_a_send && i < SEND_ERRORS_MAX; i++) {
        n = nf_batch_recv(hub->batch, hub->fd, NULL, 0, NF_DONTWAIT);
        of_a_send = n < 0 && n != NF_WOULD_BLOCK && n != NF_CONGESTED &&
                    nf_transfer_discard_errors(hub->fd);
    }
    return of_a_send ? NF_WOULD_BLOCK : n;
}

/* Read a batch and sort it; no other thread is reading. The lock is held, and released meanwhile.
 * Returns how many arrived, or a code. If none is there, it waits for one until the deadline of the
 * call (a NULL call does not wait), or until the next peer would expire.
 *
 * A datagram of a silent peer may still be in the kernel. So peers expire only after a read that
 * found nothing, or after EXPIRE_AFTER arrivals, and as of `asked`, the moment before the
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
    int n = receive(hub);

    if (n == NF_WOULD_BLOCK && asked < expiry && !nf_deadline_passed(until)) {
        code = wait_to_read(hub, nf_earlier(until, expiry));
        n = code < 0 ? code : n;
    } else if (n == NF_CONGESTED) {
        nf_pause(&hub->wake, 1, until);
    }
    net_deadline now = n >= 0 ? nf_now() : asked;

    nf_mutex_lock(&hub->lock);
    end_read(hub);
    hub->drained = n < 0 || !nf_batch_was_full(hub->batch);
    if (n > 0) {
        sort(hub, call, n, now);
        hub->overdue = asked < expiry ? 0 : hub->overdue + n;
    }
    if (n == NF_WOULD_BLOCK || hub->overdue >= EXPIRE_AFTER) {
        nf_hub_expire(hub, asked);
        hub->overdue = 0;
    }
    return n;
}

/* A call whose deadline has passed reads on while the kernel has datagrams: one of them may have
 * come for it in time. It reads on as its pace allows. */
static bool reads_on(struct nf_pending *call, int arrivals)
{
    size_t bytes = nf_batch_bytes(call->member->hub->batch);

    return nf_pace_goes_on(&call->pace, nf_datagram_cost(bytes, arrivals), call->deadline);
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
    bool is_over = passed && (nothing || !reads_on(call, n));

    return is_over && !nf_pending_is_done(call) ? nf_fail(NET_TIMEOUT) : 0;
}

/* While any call sleeps, one thread must read. */
void nf_reader_leave(struct nf_hub *hub)
{
    if (!hub->reading && hub->asleep.last != NULL) {
        nf_hub_wake(NF_HOLDER(hub->asleep.last, struct nf_sleeper, link)->member, 1);
    }
}

/* The lock held: a poller reads although another thread is the reader. The system may not let that
 * thread run for long, as when others have a higher priority; the poller would spin meanwhile,
 * because the descriptor stays readable.
 *
 * If the reader only waits for the descriptor, the poller reads in its place, with the lock held.
 * That is short, because nothing waits here. It then wakes the reader, which may have got a
 * datagram that the descriptor no longer shows. If the reader does read, the poller sleeps until it
 * has. */
static int read_beside(struct nf_hub *hub)
{
    if (!atomic_load(&hub->reader_waits)) {
        uint32_t seen = atomic_load(&hub->reads);

        hub->pollers_wait++;
        nf_mutex_unlock(&hub->lock);
        nf_futex_wait(&hub->reads, seen, nf_deadline_after(nf_now(), OTHER_READ_PAUSE));
        nf_mutex_lock(&hub->lock);
        hub->pollers_wait--;
        return 0;
    }
    net_deadline asked = nf_now();
    int code = make_room(hub);
    int n = code < 0 ? code : receive(hub);

    if (n > 0) {
        sort(hub, NULL, n, nf_now());
        nf_wake_post(&hub->wake);
    } else if (n == NF_WOULD_BLOCK) {
        nf_hub_expire(hub, asked);
    }
    return n;
}

net_deadline nf_reader_pump(struct nf_common *common)
{
    struct nf_hub *hub = (struct nf_hub *)common;

    nf_mutex_lock(&hub->lock);
    nf_hub_own(hub);
    int code = hub->reading ? read_beside(hub) : read_batch(hub, NULL);

    nf_reader_leave(hub);
    net_deadline next = nf_hub_next_expiry(hub);

    nf_mutex_unlock(&hub->lock);
    if (code == NET_LIMIT) {
        nf_pause(NULL, 1, NET_FOREVER); /* no memory: the poller would call at once */
    }
    return next;
}
