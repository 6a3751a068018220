/* The memory that an accepted, idle peer takes, and how long accepting very many takes. */
#include "contest.h"
#include "crowd.h"
#include "footprint.h"
#include "parts.h"
#include "report.h"
#include "udp.h"

#include <malloc.h>
#include <stdio.h>

enum { MANY = 100000, VERY_MANY = 1000000, STRIDE = 997 };

/* one in this many of the crowd is checked: it must still get its answer */
static void check(net_socket *listener, net_socket **accepted, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += STRIDE) {
        char said[SMALL];
        net_deadline deadline = net_after(PATIENCE);

        crowd_say(udp_facade_port(listener), &i, 1);
        need(net_recv(accepted[i], said, sizeof said, deadline) == SMALL, "net_recv");
        need(net_send(accepted[i], said, sizeof said, deadline) == SMALL, "net_send");
        crowd_hear(&i, 1);
    }
}

/* Accept this many. Returns the bytes of heap for each, without the caller's own pointer. With few
 * peers the batch of the listener, some 4 MiB of address space, is a noticeable part. */
static double accept_many(uint32_t count)
{
    malloc_trim(
        0); /* otherwise memory that was freed before would be used again and not be counted */
    struct footprint before = footprint_now();
    double begun = contest_now();
    net_socket *listener = udp_listen("127.0.0.1", "&idle=off&peers=1000000");
    net_socket **accepted = crowd_accept(listener, count);
    double seconds = contest_now() - begun;
    struct footprint after = footprint_now();
    double bytes = (after.heap - before.heap) / count - (double)sizeof *accepted;

    printf("%u accepted peers, idle: %.1f bytes of heap each, %.0f MiB resident more, "
           "accepted in %.1f s\n",
           count, bytes, (after.resident - before.resident) / (1024 * 1024), seconds);
    check(listener, accepted, count);
    begun = contest_now();
    crowd_close(accepted, count);
    net_close(listener, NET_NOW);
    printf("  they still answer; closed in %.1f s\n", contest_now() - begun);
    return bytes;
}

void memory_run(void)
{
    accept_many(MANY);
    target("heap bytes of an accepted, idle peer, of a million", accept_many(VERY_MANY), "<= 256");
}
