/* The two worlds, and what the model expects of them. */
#include "oracle.h"
#include "api/poller.h"

#include <stdio.h>
#include <string.h>

enum { NOTES = 24, NOTE_SIZE = 96, EVENTS = 64 };

struct oracle oracle;

static char notes[NOTES][NOTE_SIZE];
static int noted;

unsigned dice(unsigned sides)
{
    return random_below(&oracle.seed, sides);
}

void note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(notes[noted++ % NOTES], NOTE_SIZE, format, arguments);
    va_end(arguments);
}

void oracle_failed(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    print_error("step %d, after:\n", oracle.step);
    for (int i = noted > NOTES ? noted - NOTES : 0; i < noted; i++) {
        print_error("    %s\n", notes[i % NOTES]);
    }
    va_start(arguments, format);
    vprint_error(format, arguments);
    va_end(arguments);
    print_error("\nlast failure: %s\n", net_error_text());
    _fail(file, line);
}

/* ---- The worlds ---- */

void listen_anew(enum wire wire)
{
    static const char *const addresses[WIRES] = {"tcp://127.0.0.1:0?rcvbuf=16KiB&sndbuf=16KiB",
                                                 "udp://127.0.0.1:0?idle=off"};

    for (int world = 0; world < WORLDS; world++) {
        net_close(oracle.listener[wire].socket[world], NET_NOW);
    }
    oracle.listener[wire] = (struct item){0};
    for (int world = 0; world < WORLDS; world++) {
        oracle.listener[wire].socket[world] = assert_socket(net_listen(addresses[wire]));
    }
}

void oracle_open(unsigned seed)
{
    oracle = (struct oracle){.seed = seed};
    noted = 0;
    for (int world = 0; world < WORLDS; world++) {
        oracle.poller[world] = nf_poller_open(world == 0 ? nf_ready_best() : &nf_ready_poll);
        assert_non_null(oracle.poller[world]);
    }
    listen_anew(TCP);
    listen_anew(UDP);
}

void oracle_close(void)
{
    for (int world = 0; world < WORLDS; world++) {
        for (int i = 0; i < PAIRS; i++) {
            net_close(oracle.pair[i].end[DIALED].socket[world], NET_NOW);
            net_close(oracle.pair[i].end[ACCEPTED].socket[world], NET_NOW);
        }
        net_poller_close(oracle.poller[world]);
        for (int wire = 0; wire < WIRES; wire++) {
            net_close(oracle.listener[wire].socket[world], NET_NOW);
        }
    }
}

/* ---- The places ---- */

const char *name_of(const struct pair_of_ends *pair, enum side side)
{
    static char name[32];

    snprintf(name, sizeof name, "%s %d %s", pair->wire == TCP ? "tcp" : "udp",
             (int)(pair - oracle.pair), side == DIALED ? "dialed" : "accepted");
    return name;
}

bool some_end(struct pair_of_ends **pair, enum side *side)
{
    for (int tries = 0; tries < 2 * PAIRS; tries++) {
        *pair = &oracle.pair[dice(PAIRS)];
        *side = (enum side)dice(SIDES);
        if ((*pair)->is_used && (*pair)->end[*side].socket[0] != NULL) {
            return true;
        }
    }
    return false;
}

void watch_at_random(struct item *item)
{
    static const unsigned interests[] = {NET_READABLE, NET_WRITABLE, NET_READABLE | NET_WRITABLE,
                                         0};
    static const int64_t minutes[] = {1000, 60000, 3600000};
    net_deadline deadline = NET_FOREVER;
    unsigned kind = dice(8);

    item->interest = interests[dice(COUNT(interests))];
    if (kind < 2) {
        deadline = net_after(600000 + minutes[dice(COUNT(minutes))]);
    } else if (kind < 4) {
        deadline = kind == 2 ? NET_NOW : net_after(-(int64_t)dice(2000));
    }
    item->is_watched = item->interest != 0 || deadline != NET_FOREVER;
    item->expires = kind == 2 || kind == 3;
    item->user = (void *)++oracle.users;
    note("watch for %u%s", item->interest, item->expires ? ", expired" : "");
    for (int world = 0; world < WORLDS; world++) {
        item->has_expired[world] = false;
        holds(net_poller_watch(oracle.poller[world], item->socket[world], item->interest,
                               item->user, deadline) == 0);
    }
}

enum { ITEMS = WIRES + PAIRS * SIDES };

static struct item *item_at(int place)
{
    return place < WIRES ? &oracle.listener[place]
                         : &oracle.pair[(place - WIRES) / SIDES].end[(place - WIRES) % SIDES];
}

/* ---- What the model expects ---- */

bool listener_has_news(enum wire wire)
{
    bool has = false;

    for (int i = 0; i < PAIRS; i++) {
        const struct pair_of_ends *pair = &oracle.pair[i];
        const struct item *accepted = &pair->end[ACCEPTED];

        has = has || (pair->is_used && pair->wire == wire &&
                      (wire == TCP ? pair->is_in_backlog
                                   : accepted->socket[0] == NULL && accepted->waiting[0] > 0));
    }
    return has;
}

/* What the kernel knows. */
static unsigned ask_kernel(net_socket *socket)
{
    struct pollfd poll_fd = {.fd = net_fd(socket), .events = POLLIN | POLLOUT};

    holds(poll_fd.fd >= 0);
    holds(poll(&poll_fd, 1, 0) >= 0);
    if ((poll_fd.revents & (POLLERR | POLLHUP)) != 0) {
        return NET_READABLE | NET_WRITABLE;
    }
    return ((poll_fd.revents & POLLIN) != 0 ? (unsigned)NET_READABLE : 0) |
           ((poll_fd.revents & POLLOUT) != 0 ? (unsigned)NET_WRITABLE : 0);
}

static unsigned readiness_of_listener(enum wire wire)
{
    return (listener_has_news(wire) ? (unsigned)NET_READABLE : 0) |
           (wire == UDP ? (unsigned)NET_WRITABLE : 0);
}

static unsigned readiness_of_end(const struct item *end, int world)
{
    bool readable = end->waiting[world] > end->old[world] || end->has_end;
    unsigned out = end->is_full ? ask_kernel(end->socket[world]) & NET_WRITABLE : NET_WRITABLE;

    return end->is_unclear ? ask_kernel(end->socket[world])
                           : (readable ? (unsigned)NET_READABLE : 0) | out;
}

static unsigned readiness_at(int place, int world)
{
    const struct item *item = item_at(place);

    if (item->is_canceled || item->is_dead) {
        return NET_READABLE | NET_WRITABLE;
    }
    if (place < WIRES) {
        return readiness_of_listener((enum wire)place);
    }
    return oracle.pair[(place - WIRES) / SIDES].is_hopeless ? 0 : readiness_of_end(item, world);
}

static unsigned expected_of(int place, int world)
{
    const struct item *item = item_at(place);

    return item->is_watched && item->interest != 0 ? readiness_at(place, world) & item->interest
                                                   : 0;
}

/* If only the kernel knows the state, any answer may be right. */
static unsigned possible_at(int place, int world)
{
    const struct item *item = item_at(place);

    return item->is_unclear
               ? NET_READABLE | NET_WRITABLE
               : readiness_at(place, world) | (item->is_full ? (unsigned)NET_WRITABLE : 0);
}

void remember(void)
{
    for (int world = 0; world < WORLDS; world++) {
        for (int place = 0; place < ITEMS; place++) {
            struct item *item = item_at(place);

            item->was[world] |= item->socket[world] != NULL ? possible_at(place, world) : 0;
        }
    }
}

/* After a comparison, the readiness from before it is no longer reported. */
static void forget(void)
{
    for (int place = 0; place < ITEMS; place++) {
        memset(item_at(place)->was, 0, sizeof item_at(place)->was);
    }
    remember();
}

/* ---- What the pollers report ---- */

static struct item *item_of(const net_event *event, int world)
{
    for (int place = 0; place < ITEMS; place++) {
        struct item *item = item_at(place);

        if (item->is_watched && item->socket[world] == event->socket) {
            return item;
        }
    }
    oracle_fails("world %d: told of a socket that is not watched", world);
    return NULL;
}

static void take_event(const net_event *event, int world)
{
    struct item *item = item_of(event, world);

    holds(event->user == item->user);
    holds(event->ready != 0);
    holds((event->ready & ~(item->interest | (unsigned)NET_EXPIRED)) == 0);
    if ((event->ready & NET_EXPIRED) != 0) {
        holds(item->expires && !item->has_expired[world]);
        item->has_expired[world] = true;
    }
    unsigned lie = event->ready & ~(item->was[world] | (unsigned)NET_EXPIRED);

    if (lie != 0) {
        oracle_fails("world %d: told %u, of which %u was never so", world, event->ready, lie);
    }
    item->told[world] |= event->ready & ~(unsigned)NET_EXPIRED;
}

/* How many events were reported; -1: none, and no wake either. */
static int wait_in(int world, int count)
{
    net_event events[EVENTS];
    int n = net_poller_wait(oracle.poller[world], events, count, NET_NOW);

    holds(n <= count);
    if (n == 0) {
        holds(oracle.is_woken[world]);
        oracle.is_woken[world] = false;
    }
    if (n < 0) {
        holds(n == NET_TIMEOUT);
        holds(net_error() == NET_TIMEOUT);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            holds(events[i].socket != events[j].socket);
        }
        take_event(&events[i], world);
    }
    return n;
}

void wait_once(int count)
{
    remember();
    for (int world = 0; world < WORLDS; world++) {
        wait_in(world, count);
    }
}

/* A ready socket is reported by every wait. So enough waits report all of them, and if none is
 * ready, every wait reports none. */
static void sweep(int world)
{
    static const int counts[] = {1, 3, EVENTS};
    static const int waits[] = {3 * ITEMS, 2 * ITEMS, 5};
    unsigned which = dice(COUNT(counts));

    for (int place = 0; place < ITEMS; place++) {
        item_at(place)->told[world] = 0;
    }
    for (int i = 0; i < waits[which]; i++) {
        if (wait_in(world, counts[which]) < 0) {
            break;
        }
    }
}

/* The first place where the report differs from what is expected; ITEMS: there is none. */
static int difference_in(int world)
{
    int place = 0;

    while (place < ITEMS) {
        const struct item *item = item_at(place);

        if (item->told[world] != expected_of(place, world) ||
            (item->is_watched && item->expires && !item->has_expired[world])) {
            break;
        }
        place++;
    }
    return place;
}

static void complain(int world, int place)
{
    const struct item *item = item_at(place);

    oracle_fails("world %d, place %d: interest %u, told %u, expected %u%s%s; %zu waiting; %s",
                 world, place, item->interest, item->told[world], expected_of(place, world),
                 item->expires ? ", expires" : "",
                 item->has_expired[world] ? ", has been told so" : "", item->waiting[world],
                 oracle.is_woken[world] ? "a wake was not told" : "no wake");
}

void compare(void)
{
    net_deadline limit = soon();

    remember();
    for (int world = 0; world < WORLDS; world++) {
        int place = 0;

        do {
            sweep(world);
            place = difference_in(world);
        } while ((place < ITEMS || oracle.is_woken[world]) && net_after(0) < limit);
        if (place < ITEMS) {
            complain(world, place);
        }
        holds(!oracle.is_woken[world]);
    }
    forget();
}
