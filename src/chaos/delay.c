/* The bytes are contiguous, so a line can be searched for in one piece, and one receive can fill
 * the space behind them. They move to the front when that space is used up. */
#include "chaos/delay.h"
#include "os/cause.h"

#include <stdlib.h>
#include <string.h>

struct nf_delay *nf_delay_new(void)
{
    struct nf_delay *delay = calloc(1, sizeof *delay);

    if (delay != NULL) {
        delay->bytes = malloc(NF_DELAY_ROOM);
    }
    if (delay == NULL || delay->bytes == NULL) {
        free(delay);
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    return delay;
}

void nf_delay_free(struct nf_delay *delay)
{
    if (delay != NULL) {
        free(delay->bytes);
        free(delay);
    }
}

size_t nf_delay_space(struct nf_delay *delay, char **where)
{
    if (delay->end != 0 || delay->parts == NF_DELAY_PARTS) {
        return 0;
    }
    if (delay->first > 0 &&
        (delay->count == 0 || delay->first + delay->count == (size_t)NF_DELAY_ROOM)) {
        memmove(delay->bytes, delay->bytes + delay->first, delay->count);
        delay->first = 0;
    }
    size_t used = delay->first + delay->count;

    *where = delay->bytes + used;
    return (size_t)NF_DELAY_ROOM - used;
}

void nf_delay_put(struct nf_delay *delay, size_t size, net_deadline due)
{
    unsigned last = (delay->first_part + delay->parts) % NF_DELAY_PARTS;

    delay->part[last] = (struct nf_delay_part){.size = size, .due = due};
    delay->parts++;
    delay->count += size;
}

size_t nf_delay_arrived(struct nf_delay *delay, net_deadline now, const char **where)
{
    while (delay->parts > 0 && delay->part[delay->first_part].due <= now) {
        delay->arrived += delay->part[delay->first_part].size;
        delay->first_part = (delay->first_part + 1) % NF_DELAY_PARTS;
        delay->parts--;
    }
    *where = delay->bytes + delay->first;
    return delay->arrived;
}

void nf_delay_take(struct nf_delay *delay, void *buffer, size_t size)
{
    if (size > 0) {
        memcpy(buffer, delay->bytes + delay->first, size);
    }
    delay->first += size;
    delay->count -= size;
    delay->arrived -= size;
}

net_deadline nf_delay_next(const struct nf_delay *delay)
{
    if (delay->parts > 0) {
        return delay->part[delay->first_part].due;
    }
    return delay->end != 0 ? delay->end : NET_FOREVER;
}
