/* net_resolve: a dial that stops once it knows whom it would call. */
#include "open/dial.h"
#include "open/inet.h"
#include "name/endpoint.h"

/* Let every attempt of the race start and fail at once, and note the order. */
static int run_through(struct nf_race *race, net_endpoint *endpoints, int count)
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
    char words[NF_DETAIL_MAX];
    int code = nf_dial_begin(&dial, target, NF_DATAGRAM, NULL);

    if (code < 0) {
        return code;
    }
    code = nf_dial_look_up(&dial, deadline);
    if (dial.race.count == 0) {
        code = code < 0 ? code : dial.code;
        nf_dial_report(&dial, code, words, sizeof words);
        nf_fail_because(code, "%s", words);
    } else {
        code = run_through(&dial.race, endpoints, count);
    }
    nf_dial_end(&dial);
    return code;
}
