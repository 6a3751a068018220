/* A call that moves much, to or from a peer that keeps up with it, never has to wait. So it
 * went on far beyond its deadline: nothing looked at the clock. */
#include "support.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { DEADLINE = 50, OVERSHOOT = 50, SLICES = 2 * 1000 * 1000, PIECE = 256 * 1024 };

static const size_t much = (size_t)1 << 30; /* takes hundreds of ms on every wire */

/* ---- A peer that keeps up ---- */

struct peer {
    net_socket *socket;
    bool sends; /* else it receives */
    _Atomic bool is_over;
    _Atomic bool failed;
    pthread_t thread;
};

static void *keep_up(void *argument)
{
    struct peer *peer = argument;
    char *room = calloc(1, PIECE);

    while (!peer->is_over) {
        ssize_t n = peer->sends ? net_send(peer->socket, room, PIECE, net_after(DEADLINE))
                                : net_recv(peer->socket, room, PIECE, net_after(DEADLINE));

        peer->failed = peer->failed || (n < 0 && n != NET_TIMEOUT);
    }
    free(room);
    return NULL;
}

static void open_peer(struct peer *peer, net_socket *socket, bool sends)
{
    *peer = (struct peer){.socket = socket, .sends = sends};
    assert_int_equal(pthread_create(&peer->thread, NULL, keep_up, peer), 0);
}

static void close_peer(struct peer *peer)
{
    peer->is_over = true;
    pthread_join(peer->thread, NULL);
    assert_false(peer->failed);
}

/* ---- Calls that move much ---- */

static char *open_room(size_t size)
{
    char *room = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(room != MAP_FAILED);
    return room;
}

struct work {
    char *room;
    net_slice *slices;
};

typedef ssize_t move_call(net_socket *socket, const struct work *work, net_deadline deadline);

static ssize_t receive_all(net_socket *socket, const struct work *work, net_deadline deadline)
{
    return net_recv_all(socket, work->room, much, deadline);
}

static ssize_t send_whole(net_socket *socket, const struct work *work, net_deadline deadline)
{
    return net_send(socket, work->room, much, deadline);
}

static ssize_t send_slices(net_socket *socket, const struct work *work, net_deadline deadline)
{
    return net_send_vector(socket, work->slices, SLICES, deadline);
}

static const struct {
    const char *name;
    move_call *call;
    bool receives;
} calls[] = {
    {"recv_all of 1 GiB", receive_all, true},
    {"send of 1 GiB", send_whole, false},
    {"send_vector of 2,000,000 slices", send_slices, false},
};

static void expect_on_time(const char *address, size_t which, int ms, const struct work *work)
{
    struct pair pair;
    struct peer peer;

    dial_pair(address, &pair);
    open_peer(&peer, pair.server, calls[which].receives);
    if (calls[which].receives) {
        await_ready(pair.client, POLLIN);
    }
    double since = now_ms();
    ssize_t moved = calls[which].call(pair.client, work, ms > 0 ? net_after(ms) : NET_NOW);
    double late = elapsed_ms(since) - ms;
    int code = net_error();

    close_peer(&peer);
    print_message("%s with %d ms: %zd moved, %.1f ms beyond its deadline\n", calls[which].name, ms,
                  moved, late > 0 ? late : 0);
    assert_true(moved > 0);
    if (moved < (calls[which].call == send_slices ? (ssize_t)SLICES : (ssize_t)much)) {
        assert_int_equal(code, NET_TIMEOUT);
    }
    in_time(late < OVERSHOOT * slowness());
    close_pair(&pair);
}

static void calls_end_at_their_deadlines(void **state)
{
    struct work work = {.room = open_room(much),
                        .slices = (void *)open_room(SLICES * sizeof *work.slices)};

    for (int i = 0; i < SLICES; i++) {
        work.slices[i] = (net_slice){.data = work.room + i % PIECE, .size = 1};
    }
    for (size_t i = 0; i < COUNT(calls); i++) {
        expect_on_time(template_of(state), i, DEADLINE, &work);
        expect_on_time(template_of(state), i, 0, &work);
    }
    munmap(work.room, much);
    munmap(work.slices, SLICES * sizeof *work.slices);
}

int main(void)
{
    static const struct test tests[] = {TEST(calls_end_at_their_deadlines)};

    return run_over(stream_wires, tests);
}
