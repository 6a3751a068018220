/* Creating and freeing a hub, its owner after a fork, and waiting. */
#include "hub/hub.h"
#include "socket/socket.h"
#include "os/batch.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/process.h"
#include "os/thread.h"
#include "wait/deadline.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { ORPHANED_AFTER = 50 }; /* ms; a thread of this process never holds the lock so long */

struct nf_hub *nf_hub_new(net_socket *listener, const struct nf_target *target,
                          const struct nf_addr *name, const struct nf_hub_ops *ops,
                          const struct nf_backend *peer_table)
{
    struct nf_hub *hub = calloc(1, sizeof *hub);
    struct nf_addr own = *name;

    if (hub == NULL) {
        nf_addr_drop(&own);
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    nf_mutex_init(&hub->lock);
    atomic_store(&hub->process, nf_process());
    atomic_store(&hub->members, 1);
    memcpy(hub->option, target->options.value, sizeof hub->option);
    hub->group_source = target->options.group_source;
    hub->ops = ops;
    hub->fd = -1;
    hub->name = own;
    hub->peer_table = peer_table;
    hub->peers =
        (struct nf_pool){.bound = &hub->option[NF_TOTAL], .queue_bound = &hub->option[NF_QUEUE]};
    hub->strangers = (struct nf_pool){.bound = &hub->option[NF_STRANGERS], .is_ordered = true};
    if (nf_table_open(&hub->table) < 0) {
        nf_hub_free(hub);
        return NULL;
    }
    hub->listener = (struct nf_member *)listener;
    hub->listener->hub = hub;
    listener->name = own;
    return hub;
}

void nf_hub_free(struct nf_hub *hub)
{
    nf_table_close(&hub->table);
    nf_mutex_destroy(&hub->lock);
    nf_batch_free(hub->batch);
    nf_addr_drop(&hub->name);
    free(hub->borrowed);
    free(hub);
}

/* In a forked child the lock may be held by a thread of the parent, which never releases it here. A
 * thread of this process releases it soon. A timeout distinguishes the two. */
bool nf_hub_lock_to_close(struct nf_hub *hub)
{
    if (atomic_load(&hub->process) == nf_process()) {
        nf_mutex_lock(&hub->lock);
        return true;
    }
    net_deadline give_up_at = nf_deadline_after(nf_now(), ORPHANED_AFTER);

    while (!atomic_load(&hub->is_lock_orphaned)) {
        if (nf_mutex_try(&hub->lock)) {
            return true;
        }
        nf_thread_nap();
        atomic_store(&hub->is_lock_orphaned, nf_deadline_passed(give_up_at));
    }
    return false;
}

void nf_hub_own(struct nf_hub *hub)
{
    int process = nf_process();

    if (atomic_load(&hub->process) != process) {
        atomic_store(&hub->process, process);
        hub->reading = false;
        atomic_store(&hub->reader_waits, false);
        hub->pollers_wait = 0;
        hub->asleep = (struct nf_list){0};
    }
}

/* ---- Waiting ---- */

void nf_hub_wake(struct nf_member *member, int count)
{
    atomic_fetch_add(&member->changes, 1);
    if (member->sleepers > 0) {
        nf_futex_wake(&member->changes, count);
    }
    nf_socket_notify(&member->head);
}

void nf_hub_sleep(struct nf_member *member, net_deadline until)
{
    struct nf_hub *hub = member->hub;
    struct nf_sleeper self = {.member = member};
    uint32_t seen = atomic_load(&member->changes);

    nf_list_append(&hub->asleep, &self.link);
    member->sleepers++;
    /* A cancel sets its flag, then changes the futex word. If it changed the word before `seen` was
     * read, the flag is set now. */
    bool may_sleep = !nf_is_canceled(&member->head);

    nf_mutex_unlock(&hub->lock);
    if (may_sleep) {
        nf_futex_wait(&member->changes, seen, until);
    }
    nf_mutex_lock(&hub->lock);
    member->sleepers--;
    nf_list_remove(&hub->asleep, &self.link);
}

int nf_hub_wait(struct nf_member *member, nf_condition *is_met, struct nf_direct *direct,
                net_deadline deadline)
{
    struct nf_pending call = {
        .member = member, .is_met = is_met, .direct = direct, .deadline = deadline};

    return nf_hub_wait_again(&call);
}

int nf_hub_wait_again(struct nf_pending *call)
{
    struct nf_hub *hub = call->member->hub;
    int code = 0;

    nf_hub_own(hub);
    while (code == 0) {
        if (nf_is_canceled(&call->member->head)) {
            code = nf_fail(NET_CANCELED);
        } else if (nf_pending_is_done(call)) {
            break;
        } else {
            code = hub->ops->step(call);
        }
    }
    hub->ops->leave(hub);
    return code;
}
