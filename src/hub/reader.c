/* Reading a shared descriptor, one thread for all, and sleeping while another does. */
#include "hub/hub.h"
#include "os/futex.h"
#include "os/transfer.h"
#include "wait/wait.h"

#include <stdlib.h>

enum {
    ROUND_AT_MOST = 4096, /* arrivals read past a deadline in search of one that came before it */
    LINE = 64,            /* bytes that a cache fetches at once */
    BEFORE_ENTRY = offsetof(struct nf_peer, entry),
    AFTER_ENTRY = sizeof(struct nf_peer) - BEFORE_ENTRY - 1
};

/* The lock held: room for a batch. 0 or NET_LIMIT. */
static int make_room(struct nf_hub *hub)
{
    if (hub->tray == NULL) {
        hub->tray = calloc(NF_BATCH_MAX, sizeof *hub->tray);
    }
    int code = hub->tray != NULL ? nf_hub_clear_tray(hub) : nf_fail_because(NET_LIMIT, "no memory");

    if (code == 0) {
        bool named = nf_addr_is_named(&hub->name);

        hub->batch = nf_batch_renew(hub->batch, named ? NF_BATCH_FROM_NAMES : NF_BATCH_FROM_ANYONE);
    }
    return hub->batch != NULL ? code : NET_LIMIT;
}

/* Who sent each letter of the batch. With many peers all that is known of them is far from the
 * processor: it is fetched for the whole batch at once, in two steps, as the table leads to it. */
struct senders {
    struct nf_addr addr[NF_BATCH_MAX];
    uint32_t hash[NF_BATCH_MAX];
    bool is_cut[NF_BATCH_MAX];
};

static void look_up(struct nf_hub *hub, int arrivals, struct senders *senders)
{
    for (int i = 0; i < arrivals; i++) {
        struct nf_letter *letter = &hub->tray[i];
        struct nf_arrival arrival;

        nf_batch_arrival(hub->batch, i, &arrival);
        *letter = (struct nf_letter){.data = arrival.data,
                                     .size = arrival.size,
                                     .segment = arrival.segment,
                                     .is_lodger = true};
        senders->is_cut[i] = arrival.is_cut;
        nf_batch_addresses(hub->batch, i, &senders->addr[i], &letter->local);
        if (i > 0 && nf_addr_equal(&senders->addr[i], &senders->addr[i - 1])) {
            senders->hash[i] = senders->hash[i - 1];
            continue;
        }
        senders->hash[i] = nf_table_hash(&hub->table, &senders->addr[i]);
        __builtin_prefetch(nf_table_chain(&hub->table, senders->hash[i]));
    }
    for (int i = 0; i < arrivals; i++) {
        const char *entry = (const char *)*nf_table_chain(&hub->table, senders->hash[i]);

        for (int line = -BEFORE_ENTRY; entry != NULL && line <= AFTER_ENTRY; line += LINE) {
            __builtin_prefetch(entry + line, 1);
        }
    }
}

/* The lock held: hand out what arrived. `reader` is NULL where nobody reads for himself. */
static void sort_batch(struct nf_hub *hub, const struct nf_member *reader, int arrivals,
                       struct nf_sink *sink, net_deadline now)
{
    struct senders senders;

    look_up(hub, arrivals, &senders);
    hub->in_tray = arrivals;
    hub->reader = reader;
    hub->sink = sink;
    for (int i = 0; i < arrivals; i++) {
        if (senders.is_cut[i]) {
            hub->too_long++;
        } else {
            nf_hub_deliver(hub, &senders.addr[i], senders.hash[i], &hub->tray[i], now);
        }
    }
    hub->reader = NULL;
    hub->sink = NULL;
}

/* Read a batch, the chair being ours; the lock is released meanwhile. How many arrived, or why none
 * did. With nothing there, wait for it until `until` or the next end of a silent peer.
 * Silence is sure only now: a datagram may have waited in the kernel for somebody to read. */
static int read_batch(struct nf_hub *hub, const struct nf_member *reader, struct nf_sink *sink,
                      net_deadline until)
{
    net_deadline asked = nf_now();
    net_deadline end = nf_hub_next_end(hub);
    int code = make_room(hub);

    if (code < 0) {
        return code;
    }
    hub->postman = true;
    nf_mutex_unlock(&hub->lock);
    int n = nf_batch_recv(hub->batch, hub->fd, NULL, 0, NF_DONTWAIT);

    if (n == NF_WOULD_BLOCK && asked < end && !nf_deadline_passed(until)) {
        code = nf_wait(hub->fd, NF_IN, &hub->wake, nf_earlier(until, end));
        n = code >= 0 || code == NET_TIMEOUT ? n : code;
        nf_wake_drain(&hub->wake);
    } else if (n == NF_CONGESTED) {
        nf_pause(&hub->wake, 1, until);
    }
    net_deadline now = n >= 0 ? nf_now() : asked;

    nf_mutex_lock(&hub->lock);
    hub->postman = false;
    hub->drained = n < 0 || !nf_batch_was_full(hub->batch);
    if (n > 0) {
        sort_batch(hub, reader, n, sink, now);
        hub->overdue = asked < end ? 0 : hub->overdue + n;
    }
    if (n == NF_WOULD_BLOCK || hub->overdue >= ROUND_AT_MOST) {
        nf_hub_expire(hub, asked);
        hub->overdue = 0;
    }
    return n;
}

static void sleep_for(struct nf_member *member, net_deadline until)
{
    struct nf_hub *hub = member->hub;
    struct nf_sleeper self = {.member = member, .next = hub->asleep};
    uint32_t seen = atomic_load(&member->bell);

    if (self.next != NULL) {
        self.next->previous = &self;
    }
    hub->asleep = &self;
    member->sleepers++;
    /* A cancel that rang before the bell was read left its flag. */
    bool may_sleep = !nf_is_canceled(&member->head);

    nf_mutex_unlock(&hub->lock);
    if (may_sleep) {
        nf_futex_wait(&member->bell, seen, until);
    }
    nf_mutex_lock(&hub->lock);
    member->sleepers--;
    *(self.previous != NULL ? &self.previous->next : &hub->asleep) = self.next;
    if (self.next != NULL) {
        self.next->previous = self.previous;
    }
}

/* The chair must not stay empty while somebody sleeps. */
static void hand_over(struct nf_hub *hub)
{
    if (!hub->postman && hub->asleep != NULL && hub->fd >= 0) {
        nf_hub_ring(hub->asleep->member, 1);
    }
}

/* Without a descriptor others deliver: one step is to sleep until they have, or somebody was silent
 * too long. */
static int rest(struct nf_member *member, nf_errand *is_done, net_deadline deadline)
{
    nf_hub_expire(member->hub, nf_now());
    if (is_done(member)) {
        return 0;
    }
    if (nf_deadline_passed(deadline)) {
        return nf_fail(NET_TIMEOUT);
    }
    sleep_for(member, nf_earlier(deadline, nf_hub_next_end(member->hub)));
    return 0;
}

/* One step towards the errand: read, or sleep while another reads. 0 to look again, or why not. */
static int take_step(struct nf_member *member, nf_errand *is_done, struct nf_sink *sink, int *reads,
                     net_deadline deadline)
{
    struct nf_hub *hub = member->hub;
    bool passed = nf_deadline_passed(deadline);

    if (hub->fd < 0) {
        return rest(member, is_done, deadline);
    }
    if (hub->postman) {
        if (passed) {
            return nf_fail(NET_TIMEOUT);
        }
        sleep_for(member, deadline);
        return 0;
    }
    int n = read_batch(hub, member, sink, deadline);
    bool nothing = n == NF_WOULD_BLOCK || n == NF_CONGESTED;

    if (n < 0 && !nothing) {
        return n;
    }
    *reads += nothing ? 0 : n;
    if (passed && (nothing || *reads >= ROUND_AT_MOST) && !is_done(member) &&
        (sink == NULL || sink->filled == 0)) {
        return nf_fail(NET_TIMEOUT);
    }
    return 0;
}

int nf_hub_wait(struct nf_member *member, nf_errand *is_done, struct nf_sink *sink,
                net_deadline deadline)
{
    int reads = 0;
    int code = 0;

    nf_hub_own(member->hub);
    while (code == 0) {
        if (nf_is_canceled(&member->head)) {
            code = nf_fail(NET_CANCELED);
        } else if (is_done(member) || (sink != NULL && sink->filled > 0)) {
            break;
        } else {
            code = take_step(member, is_done, sink, &reads, deadline);
        }
    }
    hand_over(member->hub);
    return code;
}

net_deadline nf_hub_pump(struct nf_common *common)
{
    struct nf_hub *hub = (struct nf_hub *)common;

    nf_mutex_lock(&hub->lock);
    nf_hub_own(hub);
    int code = hub->postman ? 0 : read_batch(hub, NULL, NULL, NET_NOW);

    hand_over(hub);
    net_deadline next = nf_hub_next_end(hub);

    nf_mutex_unlock(&hub->lock);
    if (code == NET_LIMIT) {
        nf_pause(NULL, 1, NET_FOREVER); /* no memory to read into: a poller comes at once again */
    }
    return next;
}
