/* Reading a shared descriptor, one thread for all, and sleeping while another does. */
#include "backends/udp_hub.h"
#include "os/futex.h"
#include "os/thread.h"
#include "os/transfer.h"
#include "wait/wait.h"

enum {
    ROUND_AT_MOST = 4096, /* datagrams read past a deadline in search of one that came before it */
    FETCH_AT_MOST = 64    /* datagrams that one look for readiness reads */
};

/* Read one datagram, the chair being ours; the lock is released meanwhile. What was read, or why
 * nothing. With nothing there, wait for it until `until` or the next end of a silent peer. Silence
 * is sure only now: a datagram may have waited in the kernel for somebody to read. */
static ssize_t read_one(struct nf_hub *hub, net_deadline until)
{
    struct nf_addr from;
    struct nf_addr local;
    net_deadline asked = nf_now();
    net_deadline end = nf_hub_next_end(hub);

    hub->postman = true;
    nf_mutex_unlock(&hub->lock);
    ssize_t n = nf_transfer_recv_from(hub->fd, hub->scratch, NF_DATAGRAM_MAX, &from, &local);

    if (n == NF_WOULD_BLOCK && asked < end && !nf_deadline_passed(until)) {
        atomic_store(&hub->process, nf_process()); /* who waits here owns it */
        int code = nf_wait(hub->fd, NF_IN, &hub->wake, nf_earlier(until, end));

        n = code >= 0 || code == NET_TIMEOUT ? n : code;
        nf_wake_drain(&hub->wake);
    } else if (n == NF_CONGESTED) {
        nf_pause(&hub->wake, 1, until);
    }
    net_deadline now = n >= 0 ? nf_now() : asked;

    nf_mutex_lock(&hub->lock);
    hub->postman = false;
    if (n >= 0) {
        nf_hub_deliver(hub, &from, &local, hub->scratch, (size_t)n, now);
        hub->overdue = asked < end ? 0 : hub->overdue + 1;
    }
    if (n == NF_WOULD_BLOCK || hub->overdue == ROUND_AT_MOST) {
        nf_hub_expire(hub, asked);
        hub->overdue = 0;
    }
    return n;
}

static void sleep_for(struct nf_member *member, net_deadline until)
{
    struct nf_hub *hub = member->hub;
    uint32_t seen = atomic_load(&member->bell);

    if (member->sleepers++ == 0) {
        member->previous_asleep = NULL;
        member->next_asleep = hub->asleep;
        if (hub->asleep != NULL) {
            hub->asleep->previous_asleep = member;
        }
        hub->asleep = member;
    }
    /* A cancel that rang before the bell was read left its flag. */
    bool may_sleep = !nf_is_canceled(&member->head);

    nf_mutex_unlock(&hub->lock);
    if (may_sleep) {
        nf_futex_wait(&member->bell, seen, until);
    }
    nf_mutex_lock(&hub->lock);
    member->sleepers--;
    if (member->sleepers == 0) {
        *(member->previous_asleep != NULL ? &member->previous_asleep->next_asleep : &hub->asleep) =
            member->next_asleep;
        if (member->next_asleep != NULL) {
            member->next_asleep->previous_asleep = member->previous_asleep;
        }
    }
}

/* The chair must not stay empty while somebody sleeps. */
static void hand_over(struct nf_hub *hub)
{
    if (!hub->postman && hub->asleep != NULL) {
        nf_hub_ring(hub->asleep, 1);
    }
}

/* One step towards the errand: read, or sleep while another reads. 0 to look again, or why not. */
static int take_step(struct nf_member *member, nf_errand *is_done, int *reads,
                     net_deadline deadline)
{
    struct nf_hub *hub = member->hub;
    bool passed = nf_deadline_passed(deadline);

    if (hub->postman) {
        if (passed) {
            return nf_fail(NET_TIMEOUT);
        }
        sleep_for(member, deadline);
        return 0;
    }
    ssize_t n = read_one(hub, deadline);
    bool nothing = n == NF_WOULD_BLOCK || n == NF_CONGESTED;

    if (n < 0 && !nothing) {
        return (int)n;
    }
    if (passed && (nothing || ++*reads == ROUND_AT_MOST) && !is_done(member)) {
        return nf_fail(NET_TIMEOUT);
    }
    return 0;
}

int nf_hub_wait(struct nf_member *member, nf_errand *is_done, net_deadline deadline)
{
    int reads = 0;
    int code = 0;

    while (code == 0) {
        if (nf_is_canceled(&member->head)) {
            code = nf_fail(NET_CANCELED);
        } else if (is_done(member)) {
            break;
        } else {
            code = take_step(member, is_done, &reads, deadline);
        }
    }
    hand_over(member->hub);
    return code;
}

void nf_hub_fetch(struct nf_hub *hub)
{
    ssize_t n = 0;

    for (int i = 0; i < FETCH_AT_MOST && n >= 0 && !hub->postman; i++) {
        n = read_one(hub, NET_NOW);
    }
    hand_over(hub);
}
