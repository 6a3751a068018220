/* The waiting verbs, each as one call, and where each is tried. */
#define _GNU_SOURCE
#include "trial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    SOME = 1 << 16,
    DATAGRAM = 1000,
    MUCH = 1 << 28,        /* more than any peer takes before a deadline */
    FRAMED_MOST = 1 << 20, /* bytes of the longest message */
    SLICES = 4096,
    MANY_SLICES = 2000000,
    MESSAGES = 100,
    MANY_MESSAGES = 400000
};

static struct {
    char *zeros; /* MUCH bytes */
    net_slice *slices;
    int slice_count;
    net_message *messages;
    int message_count;
} load;

/* Many small pieces cost time although nothing ever waits. */
void verbs_begin(bool much)
{
    int protection = PROT_READ | PROT_WRITE;

    if (load.zeros == NULL) {
        load.zeros =
            mmap(NULL, MUCH, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        load.slices = calloc(MANY_SLICES, sizeof *load.slices);
        load.messages = calloc(MANY_MESSAGES, sizeof *load.messages);
    }
    assert_true(load.zeros != MAP_FAILED && load.slices != NULL && load.messages != NULL);
    load.slice_count = much ? MANY_SLICES / slowness() : SLICES;
    load.message_count = much ? MANY_MESSAGES / slowness() : MESSAGES;
    for (int i = 0; i < load.slice_count; i++) {
        load.slices[i] = (net_slice){.data = load.zeros, .size = much ? 1 : SOME};
    }
    for (int i = 0; i < load.message_count; i++) {
        load.messages[i].data = load.zeros;
        load.messages[i].size = much ? 1 : DATAGRAM;
    }
}

/* ---- The calls ---- */

/* A flood fills any buffer, and a trickle none. */
static size_t room_of(const struct trial *trial)
{
    return trial->attack->kind == FLOOD ? MUCH : SOME;
}

static long long receive(struct trial *trial, net_deadline deadline)
{
    return net_recv(trial->mine, trial->room, SOME, deadline);
}

static long long receive_all(struct trial *trial, net_deadline deadline)
{
    return net_recv_all(trial->mine, trial->room, room_of(trial), deadline);
}

static long long receive_line(struct trial *trial, net_deadline deadline)
{
    return net_recv_until(trial->mine, trial->room, room_of(trial), '\n', deadline);
}

static long long receive_messages(struct trial *trial, net_deadline deadline)
{
    enum { COUNT_MOST = 64 };
    net_message messages[COUNT_MOST];

    memset(messages, 0, sizeof messages);
    for (int i = 0; i < COUNT_MOST; i++) {
        messages[i].data = trial->room + (size_t)i * DATAGRAM;
        messages[i].capacity = DATAGRAM;
    }
    return net_recv_messages(trial->mine, messages, COUNT_MOST, deadline);
}

static long long transmit(struct trial *trial, net_deadline deadline)
{
    size_t size = is_stream(trial->wire) ? MUCH : is_framed(trial->wire) ? FRAMED_MOST : DATAGRAM;

    return net_send(trial->mine, load.zeros, size, deadline);
}

static long long transmit_slices(struct trial *trial, net_deadline deadline)
{
    static const net_slice small[] = {{"one", 3}, {"two", 3}};
    int framed_count = FRAMED_MOST / (int)load.slices[0].size;
    int count = load.slice_count;

    if (!is_over_stream(trial->wire)) {
        return net_send_vector(trial->mine, small, COUNT(small), deadline);
    }
    count = is_framed(trial->wire) && count > framed_count ? framed_count : count;
    return net_send_vector(trial->mine, load.slices, count, deadline);
}

static long long transmit_messages(struct trial *trial, net_deadline deadline)
{
    return net_send_messages(trial->mine, load.messages, load.message_count, deadline);
}

/* 0, or why a call made no socket. */
static long long outcome_of(net_socket *made)
{
    if (made == NULL) {
        return net_error();
    }
    net_close(made, NET_NOW);
    return 0;
}

static long long pick_up(struct trial *trial, net_deadline deadline)
{
    return outcome_of(net_accept(trial->mine, deadline));
}

static long long dial(struct trial *trial, net_deadline deadline)
{
    return outcome_of(net_connect(trial->address, deadline));
}

/* On a socket that is still dialing. */
static long long say_one(struct trial *trial, net_deadline deadline)
{
    return net_send(trial->mine, "x", 1, deadline);
}

static long long hang_up(struct trial *trial, net_deadline deadline)
{
    net_socket *mine = trial->mine;

    trial->mine = NULL;
    return net_close(mine, deadline);
}

static long long hang_up_now(struct trial *trial, net_deadline deadline)
{
    (void)deadline;
    return hang_up(trial, NET_NOW);
}

static long long wait_for_events(struct trial *trial, net_deadline deadline)
{
    net_event events[8];
    int n = net_poller_wait(trial->poller, events, COUNT(events), deadline);

    return n == 0 ? NET_CANCELED : n; /* 0: the wake */
}

bool waits_for_poller(const struct verb *verb)
{
    return verb->call == wait_for_events;
}

/* ---- Where each is tried ---- */

#define FRAMED  BIT(ACCEPTED)
#define TALKERS (BIT(ACCEPTED) | BIT(ADOPTED))
#define ENDS    (BIT(ACCEPTED) | BIT(DIALED) | BIT(ADOPTED))
#define HOST    (BIT(SIGNALS) | BIT(TABLE_FULL) | BIT(NO_TABLE) | BIT(FILTERED))
#define INPUT   (BIT(TRICKLE) | BIT(FLOOD) | BIT(BAD_SUMS) | BIT(PASSED) | BIT(URGENT))

const struct verb verbs[] = {
    {"recv", receive, NULL, NET_READABLE, TALKERS, ENDS, FRAMED, BIT(SILENCE) | INPUT | HOST,
     false},
    {"recv_all", receive_all, NULL, NET_READABLE, TALKERS, 0, 0,
     BIT(SILENCE) | INPUT | BIT(SIGNALS) | BIT(NO_TABLE), false},
    {"recv_until", receive_line, NULL, NET_READABLE, TALKERS, 0, 0,
     BIT(SILENCE) | INPUT | BIT(SIGNALS) | BIT(NO_TABLE), false},
    {"recv_messages", receive_messages, NULL, NET_READABLE, 0, ENDS | BIT(LISTENER), FRAMED,
     BIT(SILENCE) | INPUT | HOST, false},
    {"send", transmit, NULL, NET_WRITABLE, TALKERS, ENDS, FRAMED,
     BIT(SILENCE) | BIT(TRICKLE) | BIT(FLOOD) | BIT(SLOW_READER) | BIT(URGENT) | HOST, true},
    {"send_vector", transmit_slices, NULL, NET_WRITABLE, TALKERS, BIT(ACCEPTED), FRAMED,
     BIT(SILENCE) | BIT(FLOOD) | BIT(SLOW_READER) | BIT(SIGNALS) | BIT(NO_TABLE), true},
    {"send_messages", transmit_messages, NULL, NET_WRITABLE, 0, ENDS, FRAMED,
     BIT(SILENCE) | BIT(FLOOD) | BIT(SLOW_READER) | HOST, true},
    {"accept", pick_up, NULL, NET_READABLE, BIT(LISTENER), BIT(LISTENER), BIT(LISTENER),
     BIT(SILENCE) | BIT(TRICKLE) | BIT(FLOOD) | BIT(BAD_SUMS) | BIT(PASSED) | HOST, false},
    {"connect", dial, say_one, NET_WRITABLE, BIT(DIALING), 0, BIT(DIALING),
     BIT(SILENCE) | BIT(SIGNALS) | BIT(NO_TABLE) | BIT(FILTERED), false},
    {"close", hang_up, NULL, 0, TALKERS, 0, FRAMED,
     BIT(SILENCE) | INPUT | BIT(SLOW_READER) | BIT(SIGNALS) | BIT(NO_TABLE) | BIT(FILTERED), false},
    {"close at once", hang_up_now, NULL, 0, TALKERS, BIT(ACCEPTED) | BIT(DIALED), FRAMED,
     BIT(FLOOD) | BIT(PASSED) | BIT(SLOW_READER), false},
    {"poller_wait", wait_for_events, NULL, 0, BIT(ACCEPTED), BIT(ACCEPTED) | BIT(LISTENER), FRAMED,
     BIT(SILENCE) | HOST, false},
};
const size_t verb_count = COUNT(verbs);
