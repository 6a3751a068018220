/* net_poller_list: the sockets that a poller watches. */
#include "api/failure.h"
#include "api/watch.h"

static int check(const net_poller *poller, const net_event *events, int count)
{
    if (poller == NULL || (events == NULL && count > 0)) {
        return nf_fail_because(NET_MISUSE, "an argument is NULL");
    }
    if (count < 0) {
        return nf_fail_because(NET_MISUSE, "a count of %d", count);
    }
    return nf_watch_check_owner(poller);
}

int net_poller_list(net_poller *poller, net_event *events, int count)
{
    int n = check(poller, events, count);

    if (n < 0) {
        return nf_failed_for(n, "poller list", NULL);
    }
    nf_turn_take(&poller->lock, NET_FOREVER);
    n = nf_watch_list_all(poller, events, count);
    nf_turn_leave(&poller->lock);
    return n;
}
