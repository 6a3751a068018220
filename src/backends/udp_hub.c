/* Who gets a datagram, what may wait, and what is dropped: all of it with the hub's lock held, none
 * of it with a system call but the waking of sleepers. */
#include "backends/udp_hub.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/thread.h"
#include "wait/deadline.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A bound counts payload. So that tiny datagrams cannot make what stands around them much larger
 * than what is bounded, their number has a bound too: one for so many bytes of the bound, and some
 * more. */
enum { BYTES_A_LETTER = 64, LETTERS_MORE = 1024 };

enum { HAUNTED_AFTER = 50 }; /* ms that no thread of ours holds the lock for */

static bool has_room(int64_t bytes, int64_t letters, size_t size, int64_t bound)
{
    return (int64_t)size <= bound - bytes && letters < bound / BYTES_A_LETTER + LETTERS_MORE;
}

/* In a forked child the lock may be held by a thread that only the parent has. A thread of this
 * process would give it back soon. */
bool nf_hub_lock_to_close(struct nf_hub *hub)
{
    if (atomic_load(&hub->process) == nf_process()) {
        nf_mutex_lock(&hub->lock);
        return true;
    }
    net_deadline patience = nf_deadline_after(nf_now(), HAUNTED_AFTER);

    while (!atomic_load(&hub->haunted)) {
        if (nf_mutex_try(&hub->lock)) {
            return true;
        }
        nf_thread_yield();
        atomic_store(&hub->haunted, nf_deadline_passed(patience));
    }
    return false;
}

void nf_hub_ring(struct nf_member *member, int count)
{
    atomic_fetch_add(&member->bell, 1);
    if (member->sleepers > 0) {
        nf_futex_wake(&member->bell, count);
    }
    if (member->notice != NULL) {
        member->notice->ring(member->notice);
    }
}

/* ---- Mail ---- */

static struct nf_letter *write_letter(const struct nf_addr *local, const void *data, size_t size)
{
    struct nf_letter *letter = malloc(sizeof *letter + size);

    if (letter != NULL) {
        *letter = (struct nf_letter){.local = *local, .size = size};
        memcpy(letter->data, data, size);
    }
    return letter;
}

static void append(struct nf_mailbox *mail, struct nf_letter *letter)
{
    letter->next = NULL;
    if (mail->first == NULL) {
        mail->first = letter;
    } else {
        mail->last->next = letter;
    }
    mail->last = letter;
    mail->bytes += (int64_t)letter->size;
    mail->letters++;
}

static struct nf_letter *take_first(struct nf_mailbox *mail)
{
    struct nf_letter *letter = mail->first;

    if (letter != NULL) {
        mail->first = letter->next;
        mail->bytes -= (int64_t)letter->size;
        mail->letters--;
    }
    return letter;
}

/* ---- Accepted peers ---- */

static void unlink_peer(struct nf_peer *peer)
{
    struct nf_hub *hub = peer->member.hub;

    *(peer->older != NULL ? &peer->older->newer : &hub->oldest) = peer->newer;
    *(peer->newer != NULL ? &peer->newer->older : &hub->newest) = peer->older;
}

static void link_newest(struct nf_peer *peer)
{
    struct nf_hub *hub = peer->member.hub;

    peer->newer = NULL;
    peer->older = hub->newest;
    *(hub->newest != NULL ? &hub->newest->newer : &hub->oldest) = peer;
    hub->newest = peer;
}

/* The place in the hub is given up; mail that waits stays with the socket. */
static void end(struct nf_peer *peer)
{
    struct nf_hub *hub = peer->member.hub;

    nf_table_remove(&hub->table, &peer->entry);
    unlink_peer(peer);
    hub->accepted--;
    peer->ended = true;
    if (hub->listener != NULL) {
        nf_hub_ring(hub->listener, INT_MAX); /* a stranger may wait for the place */
    }
}

net_deadline nf_hub_next_end(const struct nf_hub *hub)
{
    int64_t idle = hub->bound[NF_IDLE];

    return idle != 0 && hub->oldest != NULL ? nf_deadline_after(hub->oldest->heard, idle)
                                            : NET_FOREVER;
}

void nf_hub_expire(struct nf_hub *hub, net_deadline now)
{
    while (now >= nf_hub_next_end(hub)) {
        struct nf_peer *peer = hub->oldest;

        end(peer);
        nf_hub_ring(&peer->member, INT_MAX);
    }
}

static void put_in_queue(struct nf_peer *peer, struct nf_letter *letter)
{
    struct nf_hub *hub = peer->member.hub;

    letter->sender = NULL;
    append(&peer->mail, letter);
    hub->queued_bytes += (int64_t)letter->size;
    hub->queued_letters++;
}

static bool queue_has_room(const struct nf_peer *peer, size_t size)
{
    const struct nf_hub *hub = peer->member.hub;

    return has_room(peer->mail.bytes, peer->mail.letters, size, hub->bound[NF_QUEUE]) &&
           has_room(hub->queued_bytes, hub->queued_letters, size, hub->bound[NF_TOTAL]);
}

static void drop_queued(struct nf_peer *peer)
{
    peer->dropped++;
    peer->member.hub->dropped_queue++;
}

static void deliver_to_peer(struct nf_peer *peer, const struct nf_addr *local, const void *data,
                            size_t size, net_deadline now)
{
    struct nf_letter *letter = queue_has_room(peer, size) ? write_letter(local, data, size) : NULL;

    peer->heard = now;
    peer->local = *local;
    unlink_peer(peer);
    link_newest(peer);
    if (letter == NULL) {
        drop_queued(peer);
        return;
    }
    put_in_queue(peer, letter);
    nf_hub_ring(&peer->member, 1);
}

struct nf_letter *nf_hub_take_from(struct nf_peer *peer)
{
    struct nf_hub *hub = peer->member.hub;
    struct nf_letter *letter = take_first(&peer->mail);

    if (letter != NULL) {
        hub->queued_bytes -= (int64_t)letter->size;
        hub->queued_letters--;
    }
    return letter;
}

/* ---- Strangers ---- */

static void link_stranger_letter(struct nf_mailbox *all, struct nf_letter *letter)
{
    letter->newer = NULL;
    letter->older = all->last;
    *(all->last != NULL ? &all->last->newer : &all->first) = letter;
    all->last = letter;
    all->bytes += (int64_t)letter->size;
    all->letters++;
}

static void unlink_stranger_letter(struct nf_mailbox *all, struct nf_letter *letter)
{
    *(letter->older != NULL ? &letter->older->newer : &all->first) = letter->newer;
    *(letter->newer != NULL ? &letter->newer->older : &all->last) = letter->older;
    all->bytes -= (int64_t)letter->size;
    all->letters--;
}

static struct nf_stranger *meet(struct nf_hub *hub, const struct nf_addr *from)
{
    struct nf_stranger *stranger = calloc(1, sizeof *stranger);

    if (stranger != NULL) {
        stranger->entry.remote = *from;
        nf_table_add(&hub->table, &stranger->entry);
    }
    return stranger;
}

static void forget(struct nf_hub *hub, struct nf_stranger *stranger)
{
    nf_table_remove(&hub->table, &stranger->entry);
    free(stranger);
}

static void deliver_to_strangers(struct nf_hub *hub, struct nf_stranger *stranger,
                                 const struct nf_addr *from, const struct nf_addr *local,
                                 const void *data, size_t size)
{
    struct nf_mailbox *all = &hub->strangers;

    if (hub->listener == NULL) {
        return; /* nobody is there to hear of strangers any more */
    }
    struct nf_letter *letter = has_room(all->bytes, all->letters, size, hub->bound[NF_STRANGERS])
                                   ? write_letter(local, data, size)
                                   : NULL;

    if (letter != NULL && stranger == NULL) {
        stranger = meet(hub, from);
    }
    if (letter == NULL || stranger == NULL) {
        free(letter);
        hub->dropped_strangers++;
        return;
    }
    letter->sender = stranger;
    append(&stranger->mail, letter);
    link_stranger_letter(all, letter);
    nf_hub_ring(hub->listener, INT_MAX); /* one for whom there is no place might take the ring */
}

/* The oldest letter of all is the oldest of its sender's too. */
struct nf_letter *nf_hub_take_stranger(struct nf_hub *hub, struct nf_addr *from)
{
    struct nf_letter *letter = hub->strangers.first;

    if (letter != NULL) {
        /* The analyzer misses that unlinking the oldest moves `first`, and sees it freed. */
        struct nf_stranger *stranger = letter->sender; /* NOLINT(clang-analyzer-unix.Malloc) */

        *from = stranger->entry.remote;
        unlink_stranger_letter(&hub->strangers, letter);
        take_first(&stranger->mail);
        if (stranger->mail.first == NULL) {
            forget(hub, stranger);
        }
    }
    return letter;
}

void nf_hub_deliver(struct nf_hub *hub, const struct nf_addr *from, const struct nf_addr *local,
                    const void *data, size_t size, net_deadline now)
{
    struct nf_entry *entry = nf_table_find(&hub->table, from);

    if (entry != NULL && entry->accepted) {
        struct nf_peer *peer = (struct nf_peer *)((char *)entry - offsetof(struct nf_peer, entry));

        deliver_to_peer(peer, local, data, size, now);
    } else {
        deliver_to_strangers(hub, (struct nf_stranger *)entry, from, local, data, size);
    }
}

/* ---- From stranger to peer, and away ---- */

/* His first letter is in whatever the bounds say: it was let in among the strangers'. */
void nf_hub_accept(struct nf_hub *hub, struct nf_peer *peer, net_deadline now)
{
    struct nf_stranger *stranger = hub->strangers.first->sender;
    struct nf_letter *letter = take_first(&stranger->mail);

    peer->member.hub = hub;
    peer->member.head.name = stranger->entry.remote;
    peer->entry.remote = stranger->entry.remote;
    peer->entry.accepted = true;
    peer->heard = now;
    for (bool first = true; letter != NULL; first = false) {
        unlink_stranger_letter(&hub->strangers, letter);
        peer->local = letter->local;
        if (first || queue_has_room(peer, letter->size)) {
            put_in_queue(peer, letter);
        } else {
            free(letter);
            drop_queued(peer);
        }
        letter = take_first(&stranger->mail);
    }
    forget(hub, stranger);
    nf_table_add(&hub->table, &peer->entry);
    link_newest(peer);
    hub->accepted++;
    atomic_fetch_add(&hub->members, 1);
}

void nf_hub_remove_peer(struct nf_peer *peer)
{
    struct nf_letter *letter = nf_hub_take_from(peer);

    while (letter != NULL) {
        free(letter);
        letter = nf_hub_take_from(peer);
    }
    if (!peer->ended) {
        end(peer);
    }
}

void nf_hub_remove_strangers(struct nf_hub *hub)
{
    struct nf_addr from;
    struct nf_letter *letter = nf_hub_take_stranger(hub, &from);

    while (letter != NULL) {
        free(letter);
        letter = nf_hub_take_stranger(hub, &from);
    }
}
