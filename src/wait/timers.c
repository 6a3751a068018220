/* A binary heap, the earliest key at the top. Each timer stores its place in the heap. */
#include "wait/timers.h"
#include "os/cause.h"

#include <stdlib.h>

enum { FIRST_ROOM = 16 };

struct nf_timer_slot {
    net_deadline key;
    struct nf_timer *timer;
};

static void put(struct nf_timers *timers, uint32_t place, struct nf_timer_slot slot)
{
    timers->slots[place - 1] = slot;
    slot.timer->place = place;
}

/* Move the hole at `place` towards the top until `slot` fits, and put it there. */
static void sift_up(struct nf_timers *timers, uint32_t place, struct nf_timer_slot slot)
{
    while (place > 1 && slot.key < timers->slots[place / 2 - 1].key) {
        put(timers, place, timers->slots[place / 2 - 1]);
        place /= 2;
    }
    put(timers, place, slot);
}

static void sift_down(struct nf_timers *timers, uint32_t place, struct nf_timer_slot slot)
{
    for (;;) {
        uint32_t child = place * 2;

        if (child < timers->count && timers->slots[child].key < timers->slots[child - 1].key) {
            child++;
        }
        if (child > timers->count || slot.key <= timers->slots[child - 1].key) {
            break;
        }
        put(timers, place, timers->slots[child - 1]);
        place = child;
    }
    put(timers, place, slot);
}

int nf_timers_reserve(struct nf_timers *timers)
{
    if (timers->reserved == timers->room) {
        uint32_t room = timers->room == 0 ? FIRST_ROOM : timers->room * 2;
        struct nf_timer_slot *slots = realloc(timers->slots, room * sizeof *slots);

        if (slots == NULL) {
            return nf_fail_because(NET_LIMIT, "no memory");
        }
        timers->slots = slots;
        timers->room = room;
    }
    timers->reserved++;
    return 0;
}

void nf_timers_release(struct nf_timers *timers)
{
    timers->reserved--;
}

static void remove_timer(struct nf_timers *timers, struct nf_timer *timer)
{
    uint32_t place = timer->place;
    struct nf_timer_slot last = timers->slots[--timers->count];

    timer->place = 0;
    if (last.timer == timer) {
        return;
    }
    if (place > 1 && last.key < timers->slots[place / 2 - 1].key) {
        sift_up(timers, place, last);
    } else {
        sift_down(timers, place, last);
    }
}

void nf_timer_set(struct nf_timers *timers, struct nf_timer *timer, net_deadline at)
{
    uint32_t place = timer->place;

    if (at == NET_FOREVER) {
        if (place != 0) {
            remove_timer(timers, timer);
        }
        return;
    }
    if (place == 0) {
        place = ++timers->count;
    } else if (at >= timers->slots[place - 1].key) {
        return;
    }
    sift_up(timers, place, (struct nf_timer_slot){.key = at, .timer = timer});
}

net_deadline nf_timers_next(const struct nf_timers *timers)
{
    return timers->count > 0 ? timers->slots[0].key : NET_FOREVER;
}

struct nf_timer *nf_timers_due(struct nf_timers *timers, net_deadline now)
{
    if (nf_timers_next(timers) > now) {
        return NULL;
    }
    struct nf_timer *timer = timers->slots[0].timer;

    remove_timer(timers, timer);
    return timer;
}

void nf_timers_free(struct nf_timers *timers)
{
    free(timers->slots);
}
