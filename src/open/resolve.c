/* net_resolve: the first half of a dial. It looks up the name and returns the addresses in the
 * order in which a dial would try them. It connects to none. */
#include "open/dial.h"
#include "open/inet.h"
#include "name/endpoint.h"

/* Start and fail every attempt at once, at a time so late that none has to wait, and record the
 * order. */
static int list_in_order(struct nf_race *race, net_endpoint *endpoints, int count)
{
    const net_deadline late = NET_FOREVER - 1;
    int n = 0;

    race->asked_v4 = false;
    race->asked_v6 = false;
    for (int which = nf_race_step(race, late); which >= 0 && n < count;
         which = nf_race_step(race, late)) {
        nf_endpoint_make(&endpoints[n++], &race->attempt[which].addr, NULL);
        nf_race_started(race, which, -1, NET_NOW);
        nf_race_failed(race, which, NET_REFUSED, NET_NOW);
    }
    return n;
}

int nf_inet_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                    net_deadline deadline)
{
    struct nf_dial dial;
    int code = nf_dial_begin(&dial, target, NF_DATAGRAM, NULL);

    if (code < 0) {
        return code;
    }
    code = nf_dial_look_up(&dial, deadline);
    if (dial.race.count == 0) {
        code = nf_dial_fail(&dial, code < 0 ? code : dial.code);
    } else {
        code = list_in_order(&dial.race, endpoints, count);
    }
    nf_dial_end(&dial);
    return code;
}
