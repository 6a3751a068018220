/* Who gets a datagram, what may wait, and what is dropped: all of it with the hub's lock held, none
 * of it with a system call but the waking of sleepers. */
#include "hub/hub.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/process.h"
#include "os/thread.h"
#include "wait/deadline.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { HAUNTED_AFTER = 50 }; /* ms that no thread of ours holds the lock for */

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

void nf_hub_own(struct nf_hub *hub)
{
    int process = nf_process();

    if (atomic_load(&hub->process) != process) {
        atomic_store(&hub->process, process);
        hub->postman = false;
        hub->asleep = NULL;
    }
}

void nf_hub_ring(struct nf_member *member, int count)
{
    atomic_fetch_add(&member->bell, 1);
    if (member->sleepers > 0) {
        nf_futex_wake(&member->bell, count);
    }
    nf_socket_ring(&member->head);
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
    peer->entry.accepted = false;
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

static int64_t room_for(const struct nf_peer *peer, const struct nf_letter *letter)
{
    const struct nf_hub *hub = peer->member.hub;
    int64_t alone = nf_letter_fit(letter, &peer->mail.load, hub->bound[NF_QUEUE]);
    int64_t among = nf_letter_fit(letter, &hub->queued, hub->bound[NF_TOTAL]);

    return alone < among ? alone : among;
}

static void drop_queued(struct nf_peer *peer, int64_t count)
{
    peer->dropped += count;
    peer->member.hub->dropped_queue += count;
}

/* As many of the letter's datagrams as `fit`; returns that. */
static int64_t put_in_queue(struct nf_peer *peer, struct nf_letter *letter, int64_t fit)
{
    drop_queued(peer, nf_letter_count(letter) - fit);
    if (fit == 0) {
        nf_letter_free(letter);
        return 0;
    }
    nf_letter_cut(letter, fit);
    nf_mail_append(&peer->mail, &peer->member.hub->queued, letter);
    return fit;
}

static void deliver_to_peer(struct nf_peer *peer, struct nf_letter *letter, net_deadline now)
{
    peer->heard = now;
    peer->local = letter->local;
    unlink_peer(peer);
    link_newest(peer);
    letter->is_unasked = peer->member.hub->reader == &peer->member;
    int64_t count = put_in_queue(
        peer, letter, letter->is_unasked ? nf_letter_count(letter) : room_for(peer, letter));

    if (count > 0) {
        nf_hub_ring(&peer->member, count < INT_MAX ? (int)count : INT_MAX);
    }
}

size_t nf_hub_take_from(struct nf_peer *peer, void *buffer, size_t size, struct nf_addr *local)
{
    struct nf_letter *letter = peer->mail.first;

    *local = letter->local;
    size_t length = nf_mail_read(&peer->member.hub->queued, letter, buffer, size);

    if (letter->box == NULL) {
        nf_letter_free(letter);
    }
    return length;
}

/* ---- Strangers ---- */

static void link_newest_letter(struct nf_hub *hub, struct nf_letter *letter)
{
    struct nf_mailbox *all = &hub->strangers;

    letter->newer = NULL;
    letter->older = all->last;
    *(all->last != NULL ? &all->last->newer : &all->first) = letter;
    all->last = letter;
}

static void keep_strangers(struct nf_hub *hub, struct nf_stranger *stranger,
                           struct nf_letter *letter)
{
    letter->is_strangers = true;
    nf_mail_append(&stranger->mail, &hub->strangers.load, letter);
    link_newest_letter(hub, letter);
}

static void unlink_stranger_letter(struct nf_hub *hub, struct nf_letter *letter)
{
    struct nf_mailbox *all = &hub->strangers;

    *(letter->older != NULL ? &letter->older->newer : &all->first) = letter->newer;
    *(letter->newer != NULL ? &letter->newer->older : &all->last) = letter->older;
}

static struct nf_stranger *meet(struct nf_hub *hub, const struct nf_addr *from)
{
    struct nf_stranger *stranger = calloc(1, sizeof *stranger);

    if (stranger != NULL) {
        stranger->remote = *from;
    }
    if (stranger != NULL && nf_addr_keep(&stranger->remote) < 0) {
        free(stranger);
        return NULL;
    }
    if (stranger != NULL) {
        stranger->entry.remote = &stranger->remote;
        nf_table_add(&hub->table, &stranger->entry);
    }
    return stranger;
}

/* Once nothing of him waits. */
static void forget(struct nf_hub *hub, struct nf_stranger *stranger)
{
    if (stranger->mail.first != NULL || stranger->is_admitted) {
        return;
    }
    nf_table_remove(&hub->table, &stranger->entry);
    nf_addr_drop(&stranger->remote);
    free(stranger);
}

static struct nf_stranger *stranger_of(struct nf_mailbox *box)
{
    return (struct nf_stranger *)(void *)((char *)box - offsetof(struct nf_stranger, mail));
}

static struct nf_peer *peer_of(struct nf_mailbox *box)
{
    return (struct nf_peer *)(void *)((char *)box - offsetof(struct nf_peer, mail));
}

static void deliver_to_strangers(struct nf_hub *hub, struct nf_stranger *stranger,
                                 const struct nf_addr *from, struct nf_letter *letter)
{
    if (hub->listener == NULL) {
        nf_letter_free(letter); /* nobody is there to hear of strangers any more */
        return;
    }
    struct nf_mailbox *all = &hub->strangers;
    struct nf_sink *sink = hub->sink;

    if (sink != NULL && sink->filled < sink->count && all->first == NULL && stranger == NULL &&
        hub->listener->sleepers == 0) {
        nf_hub_pour(sink, from, letter);
        if (letter->size == 0) {
            nf_letter_free(letter);
            return;
        }
    }
    letter->is_unasked = hub->reader == hub->listener;
    int64_t fit = letter->is_unasked ? nf_letter_count(letter)
                                     : nf_letter_fit(letter, &all->load, hub->bound[NF_STRANGERS]);

    if (fit > 0 && stranger == NULL) {
        stranger = meet(hub, from);
    }
    if (fit == 0 || stranger == NULL) {
        hub->dropped_strangers += nf_letter_count(letter);
        nf_letter_free(letter);
        return;
    }
    hub->dropped_strangers += nf_letter_count(letter) - fit;
    nf_letter_cut(letter, fit);
    keep_strangers(hub, stranger, letter);
    /* Without a place to have, one who waits for a place might take the ring. */
    nf_hub_ring(hub->listener, hub->accepted < hub->bound[NF_PEERS] ? 1 : INT_MAX);
}

/* The oldest letter of all is the oldest of its sender's too. */
size_t nf_hub_take_stranger(struct nf_hub *hub, void *buffer, size_t size, struct nf_sender *from,
                            struct nf_addr *local)
{
    struct nf_letter *letter = hub->strangers.first;
    struct nf_stranger *stranger = stranger_of(letter->box);

    from->addr = stranger->remote;
    if (nf_addr_is_named(&from->addr) && from->addr.size > 0) {
        from->addr.name = memcpy(from->room, stranger->remote.name, from->addr.size);
    }
    *local = letter->local;
    size_t length = nf_mail_read(&hub->strangers.load, letter, buffer, size);

    if (letter->box == NULL) {
        unlink_stranger_letter(hub, letter);
        nf_letter_free(letter);
    }
    forget(hub, stranger);
    return length;
}

void nf_hub_deliver(struct nf_hub *hub, const struct nf_addr *from, uint32_t hash,
                    struct nf_letter *letter, net_deadline now)
{
    struct nf_entry *entry = nf_table_find(&hub->table, from, hash);

    if (entry != NULL && entry->accepted) {
        struct nf_peer *peer =
            (struct nf_peer *)(void *)((char *)entry - offsetof(struct nf_peer, entry));

        deliver_to_peer(peer, letter, now);
    } else {
        deliver_to_strangers(hub, (struct nf_stranger *)entry, from, letter);
    }
}

/* ---- The tray ---- */

static void replace_in_line(struct nf_hub *hub, const struct nf_letter *letter,
                            struct nf_letter *copy)
{
    struct nf_mailbox *all = &hub->strangers;

    copy->older = letter->older;
    copy->newer = letter->newer;
    *(copy->older != NULL ? &copy->older->newer : &all->first) = copy;
    *(copy->newer != NULL ? &copy->newer->older : &all->last) = copy;
}

/* How many of a letter's datagrams may stay: all, if the bounds let them in. */
static int64_t may_stay(struct nf_hub *hub, const struct nf_letter *letter)
{
    if (!letter->is_unasked) {
        return nf_letter_count(letter);
    }
    return letter->is_strangers
               ? nf_letter_fit(letter, &hub->strangers.load, hub->bound[NF_STRANGERS])
               : room_for(peer_of(letter->box), letter);
}

static struct nf_load *load_with(struct nf_hub *hub, const struct nf_letter *letter)
{
    return letter->is_strangers ? &hub->strangers.load : &hub->queued;
}

/* Whether a letter has left the tray; without memory it stays. One that was not asked for weighs
 * nothing before. */
static bool move_out(struct nf_hub *hub, struct nf_letter *letter)
{
    struct nf_mailbox *box = letter->box;
    struct nf_load *whole = load_with(hub, letter);
    int64_t fit = may_stay(hub, letter);
    int64_t lost = nf_letter_count(letter) - fit;
    struct nf_letter *copy = fit > 0 ? nf_letter_copy(letter, fit) : NULL;

    if (letter->is_unasked) {
        nf_mail_weigh(whole, letter, 1);
    }
    if (copy == NULL && fit > 0) {
        return false;
    }
    if (copy != NULL) {
        nf_mail_replace(whole, letter, copy);
    } else {
        nf_mail_remove(whole, letter);
    }
    if (!letter->is_strangers) {
        drop_queued(peer_of(box), lost);
        return true;
    }
    if (copy != NULL) {
        replace_in_line(hub, letter, copy);
    } else {
        unlink_stranger_letter(hub, letter);
    }
    hub->dropped_strangers += lost;
    forget(hub, stranger_of(box));
    return true;
}

/* What was not asked for weighs nothing until its turn comes, so that all else has room before it.
 */
int nf_hub_clear_tray(struct nf_hub *hub)
{
    int count = hub->in_tray;
    bool is_clear = true;

    for (int i = 0; i < count; i++) {
        struct nf_letter *letter = &hub->tray[i];

        if (letter->box != NULL && letter->is_unasked) {
            nf_mail_weigh(load_with(hub, letter), letter, -1);
        }
    }
    for (int i = 0; i < count; i++) {
        if (hub->tray[i].box != NULL) {
            is_clear = move_out(hub, &hub->tray[i]) && is_clear;
        }
    }
    hub->in_tray = is_clear ? 0 : count;
    return is_clear ? 0 : nf_fail_because(NET_LIMIT, "no memory");
}

/* ---- From stranger to peer, and away ---- */

int nf_hub_admit(struct nf_hub *hub, const struct nf_addr *remote)
{
    struct nf_entry *entry = nf_table_find(&hub->table, remote, nf_table_hash(&hub->table, remote));
    struct nf_stranger *stranger = (struct nf_stranger *)entry;

    if (entry != NULL && (entry->accepted || stranger->is_admitted)) {
        return 0;
    }
    if (hub->accepted + hub->admitted >= hub->bound[NF_PEERS]) {
        return nf_fail_because(NET_LIMIT, "all %lld peers are taken or admitted",
                               (long long)hub->bound[NF_PEERS]);
    }
    stranger = stranger != NULL ? stranger : meet(hub, remote);
    if (stranger == NULL) {
        return nf_fail_because(NET_LIMIT, "no memory");
    }
    stranger->is_admitted = true;
    *(hub->first_admitted != NULL ? &hub->last_admitted->next_admitted : &hub->first_admitted) =
        stranger;
    hub->last_admitted = stranger;
    hub->admitted++;
    nf_hub_ring(hub->listener, INT_MAX);
    return 0;
}

static struct nf_stranger *next_caller(struct nf_hub *hub)
{
    struct nf_stranger *stranger = hub->first_admitted;

    if (stranger == NULL) {
        return stranger_of(hub->strangers.first->box);
    }
    hub->first_admitted = stranger->next_admitted;
    stranger->is_admitted = false;
    hub->admitted--;
    return stranger;
}

/* His first datagram is in whatever the bounds say: it was let in among the strangers'. */
void nf_hub_accept(struct nf_hub *hub, struct nf_peer *peer, net_deadline now)
{
    struct nf_stranger *stranger = next_caller(hub);

    peer->member.hub = hub;
    peer->member.head.name = stranger->remote;
    peer->member.head.owns_name = true;
    peer->entry.remote = &peer->member.head.name;
    peer->entry.accepted = true;
    peer->heard = now;
    for (bool first = true; stranger->mail.first != NULL; first = false) {
        struct nf_letter *letter = stranger->mail.first;

        unlink_stranger_letter(hub, letter);
        nf_mail_remove(&hub->strangers.load, letter);
        letter->is_strangers = false;
        letter->is_unasked = false;
        peer->local = letter->local;
        int64_t fit = room_for(peer, letter);

        put_in_queue(peer, letter, fit == 0 && first ? 1 : fit);
    }
    stranger->remote = (struct nf_addr){0}; /* a name is the peer's now */
    forget(hub, stranger);
    nf_table_add(&hub->table, &peer->entry);
    link_newest(peer);
    hub->accepted++;
    atomic_fetch_add(&hub->members, 1);
}

void nf_hub_remove_peer(struct nf_peer *peer)
{
    while (peer->mail.first != NULL) {
        struct nf_letter *letter = peer->mail.first;

        nf_mail_remove(&peer->member.hub->queued, letter);
        nf_letter_free(letter);
    }
    if (peer->entry.accepted) {
        end(peer);
    }
}

void nf_hub_remove_strangers(struct nf_hub *hub)
{
    while (hub->first_admitted != NULL) {
        forget(hub, next_caller(hub));
    }
    while (hub->strangers.first != NULL) {
        struct nf_letter *letter = hub->strangers.first;
        struct nf_stranger *stranger = stranger_of(letter->box);

        unlink_stranger_letter(hub, letter);
        nf_mail_remove(&hub->strangers.load, letter);
        nf_letter_free(letter);
        forget(hub, stranger);
    }
}
