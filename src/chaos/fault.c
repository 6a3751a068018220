/* What the calls of a socket with faults share: the limit of bytes and waiting. */
#include "chaos/fault.h"
#include "socket/socket.h"

int nf_chaos_sleep(struct nf_chaos *self, net_deadline moment)
{
    for (;;) {
        uint32_t seen = atomic_load(&self->futex);

        if (nf_is_canceled(&self->layer.head)) {
            return nf_fail(NET_CANCELED);
        }
        if (nf_deadline_passed(moment)) {
            return nf_fail(NET_TIMEOUT);
        }
        nf_futex_wait(&self->futex, seen, moment);
    }
}

int nf_chaos_over_limit(struct nf_chaos *self, net_deadline deadline)
{
    if (nf_is_canceled(&self->layer.head)) {
        return nf_fail(NET_CANCELED);
    }
    return self->breaks ? nf_fail_because(NET_RESET, "the address asks for it: reset-after")
                        : nf_chaos_sleep(self, deadline);
}

int nf_chaos_failed(struct nf_chaos *self, int code)
{
    bool broken = self->breaks && nf_chaos_room(self) == 0;

    return broken && code != NET_CANCELED ? nf_chaos_over_limit(self, NET_NOW) : code;
}

int64_t nf_chaos_move(struct nf_chaos *self, int64_t bytes)
{
    if (self->limit == 0 || bytes <= 0) {
        return bytes;
    }
    net_socket *lower = self->layer.lower;
    int64_t left = self->limit - atomic_fetch_add(&self->moved, bytes);

    if (left > 0 && bytes >= left) { /* this call has reached the limit */
        struct nf_value value = {.number = 1};

        if (self->breaks) {
            nf_backend_of(lower)->property(lower, NF_ABORT, &value, true);
        }
        nf_socket_notify(&self->layer.head);
    }
    return left <= 0 ? 0 : bytes < left ? bytes : left;
}
