/* wrap: recvmmsg */
/* A thousand peers on one descriptor and eight threads. Every datagram is received once, each
 * peer's datagrams stay in order, and no peer waits because the queue of another is full. */
#include "crowd.h"
#include "os/batch.h"
#include "support.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_PEERS = 1000, EACH = 24, TRAIN = 6, THREADS = 8, ON_THE_WAY = 64 };

static atomic_int reads; /* receives that found something */

int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    int n = __real_recvmmsg(fd, messages, count, flags, timeout);

    atomic_fetch_add(&reads, n > 0 ? 1 : 0);
    return n;
}

struct word {
    int peer;
    int number;
};

/* ---- Eight threads, a thousand peers ---- */

static int peers; /* as many as this machine can make in time */
static net_socket *peer[MOST_PEERS];
static atomic_int heard[MOST_PEERS][EACH];
static atomic_int all_heard;

struct listener {
    pthread_t thread;
    int number;
    unsigned seed;
    atomic_int wrong;
    int last[MOST_PEERS]; /* received by this thread */
};

/* One thread receives from a peer with an odd number, all threads from the others. */
static bool is_mine(const struct listener *self, int i)
{
    return i % 2 == 0 || i / 2 % THREADS == self->number;
}

static void note(struct listener *self, int i, const struct word *word, ssize_t size)
{
    bool follows = i % 2 == 0 ? word->number > self->last[i] : word->number == self->last[i] + 1;

    if (size != sizeof *word || word->peer != i || word->number < 0 || word->number >= EACH ||
        !follows) {
        self->wrong++;
        return;
    }
    self->last[i] = word->number;
    atomic_fetch_add(&heard[i][word->number], 1);
    atomic_fetch_add(&all_heard, 1);
}

/* Receive one datagram, or all that are there. */
static void hear(struct listener *self, int i)
{
    struct word word[TRAIN];
    net_message message[TRAIN];
    net_deadline deadline = random_below(&self->seed, 1000) == 0 ? net_after(1) : NET_NOW;

    if (random_below(&self->seed, 2) == 0) {
        ssize_t n = net_recv(peer[i], word, sizeof *word, deadline);

        if (n != NET_TIMEOUT) {
            note(self, i, word, n);
        }
        return;
    }
    for (int j = 0; j < TRAIN; j++) {
        message[j] = (net_message){.data = &word[j], .capacity = sizeof word[j]};
    }
    int n = net_recv_messages(peer[i], message, TRAIN, deadline);

    self->wrong += n < 0 && n != NET_TIMEOUT ? 1 : 0;
    for (int j = 0; j < n; j++) {
        note(self, i, &word[j], (ssize_t)message[j].size);
    }
}

static void *hear_all(void *argument)
{
    struct listener *self = argument;
    net_deadline limit = soon();

    for (int i = 0; i < peers; i++) {
        self->last[i] = -1;
    }
    while (atomic_load(&all_heard) < peers * EACH && self->wrong == 0 && net_after(0) < limit) {
        for (int i = 0; i < peers; i++) {
            if (is_mine(self, i)) {
                hear(self, i);
            }
        }
    }
    return NULL;
}

/* Send in portions that the descriptor can hold. */
static void send_all(int fd, struct listener *threads)
{
    static int said[MOST_PEERS];
    unsigned seed = 20110412;
    int sent = 0;
    net_deadline limit = soon();

    memset(said, 0, sizeof said);
    while (sent < peers * EACH && net_after(0) < limit) {
        int i = (int)random_below(&seed, (unsigned)peers);
        int count = 1 + (int)random_below(&seed, TRAIN);
        struct word word[TRAIN];

        while (said[i] == EACH) {
            i = (i + 1) % peers;
        }
        count = count < EACH - said[i] ? count : EACH - said[i];
        for (int j = 0; j < count; j++) {
            word[j] = (struct word){.peer = i, .number = said[i] + j};
        }
        while (sent + count - atomic_load(&all_heard) > ON_THE_WAY && net_after(0) < limit &&
               threads->wrong == 0) {
            nap(0);
        }
        crowd_send(fd, (unsigned)i, word, (size_t)count * sizeof *word, sizeof *word);
        said[i] += count;
        sent += count;
    }
}

static void accept_all(net_socket *listener, int fd)
{
    for (int i = 0; i < peers; i++) {
        char word[4];

        crowd_send(fd, (unsigned)i, "hi", 2, 0);
        peer[i] = assert_socket(net_accept(listener, soon()));
        assert_count(net_recv(peer[i], word, sizeof word, soon()), 2);
    }
}

static void every_datagram_is_heard_once_and_in_order(void **state)
{
    static struct listener threads[THREADS];
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd = crowd_dial(listener);

    peers = slowness() == 1 ? MOST_PEERS : MOST_PEERS / 5;
    memset(heard, 0, sizeof heard);
    all_heard = 0;
    accept_all(listener, fd);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (struct listener){.number = i, .seed = (unsigned)i + 1};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, hear_all, &threads[i]), 0);
    }
    send_all(fd, threads);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i].thread, NULL);
        assert_int_equal(threads[i].wrong, 0);
    }
    for (int i = 0; i < peers; i++) {
        for (int j = 0; j < EACH; j++) {
            assert_int_equal(heard[i][j], 1);
        }
        assert_int_equal(number_of(peer[i], "messages-received"), EACH + 1);
        net_close(peer[i], NET_NOW);
    }
    assert_int_equal(number_of(listener, "dropped-queue"), 0);
    net_close(listener, NET_NOW);
    close(fd);
}

/* ---- Several receivers on one peer ---- */

struct sharer {
    pthread_t thread;
    net_socket *socket;
    int *seen;
    atomic_int *left;
    int code;
    bool in_order;
};

enum { SHARED = 2000 };

static void *share(void *argument)
{
    struct sharer *self = argument;
    int last = -1;
    ssize_t n = 1;

    self->in_order = true;
    while (n > 0) {
        int number[5] = {0};
        net_message message[5];

        for (int i = 0; i < 5; i++) {
            message[i] = (net_message){.data = &number[i], .capacity = sizeof number[i]};
        }
        n = net_recv_messages(self->socket, message, 5, NET_FOREVER);
        for (int i = 0; i < n; i++) {
            self->in_order = self->in_order && number[i] > last && number[i] < SHARED;
            if (self->in_order) {
                last = number[i];
                self->seen[last]++; /* no other thread receives this one */
            }
        }
        if (n > 0 && atomic_fetch_sub(self->left, (int)n) == n) {
            net_cancel(self->socket);
        }
    }
    self->code = (int)n;
    return NULL;
}

/* The receivers sleep, and one wakes for each datagram. */
static void a_train_serves_all_calls_that_wait_for_a_peer(void **state)
{
    static struct sharer sharer[THREADS];
    static int seen[SHARED];
    atomic_int left = SHARED;
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    int fd = crowd_dial(listener);
    int numbers[25];
    net_deadline limit = soon();

    memset(seen, 0, sizeof seen);
    peers = 1;
    accept_all(listener, fd);
    for (int i = 0; i < THREADS; i++) {
        sharer[i] = (struct sharer){.socket = peer[0], .seen = seen, .left = &left};
        assert_int_equal(pthread_create(&sharer[i].thread, NULL, share, &sharer[i]), 0);
    }
    for (int sent = 0; sent < SHARED; sent += 25) {
        for (int i = 0; i < 25; i++) {
            numbers[i] = sent + i;
        }
        while (sent + 25 - (SHARED - atomic_load(&left)) > ON_THE_WAY && net_after(0) < limit) {
            nap(0);
        }
        crowd_send(fd, 0, numbers, sizeof numbers, sizeof *numbers);
    }
    while (atomic_load(&left) > 0 && net_after(0) < limit) {
        nap(1);
    }
    net_cancel(peer[0]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(sharer[i].thread, NULL);
        assert_int_equal(sharer[i].code, NET_CANCELED);
        assert_true(sharer[i].in_order);
    }
    for (int i = 0; i < SHARED; i++) {
        assert_int_equal(seen[i], 1);
    }
    net_close(peer[0], NET_NOW);
    net_close(listener, NET_NOW);
    close(fd);
}

/* ---- Fairness ---- */

enum { CALM = 20, HOT = CALM, GROWS = 3 /* the number of reads until a batch has its full size */ };

static net_socket *listen_small(void **state)
{
    char address[ADDRESS_MAX];

    strcpy(address, template_of(state));
    strcat(address, "?queue=1KiB");
    return assert_socket(net_listen(address));
}

/* One sender, whose queue is full and unread, sends `flood` datagrams. Count the receives until the
 * datagrams behind them, from other senders, are received. */
static int reads_behind(net_socket *listener, int fd, int flood)
{
    static const char much[100];
    long long dropped = number_of(listener, "dropped-queue");
    char word[4];

    reads = 0;
    for (int i = 0; i < flood; i++) {
        crowd_send(fd, HOT, much, sizeof much, 0);
    }
    for (unsigned i = 0; i < CALM; i++) {
        crowd_send(fd, i, "calm", 4, 0);
    }
    for (int i = CALM - 1; i >= 0; i--) {
        int before = reads;

        assert_count(net_recv(peer[i], word, sizeof word, i == CALM - 1 ? soon() : NET_NOW), 4);
        assert_true(i == CALM - 1 ||
                    reads == before); /* everything that was read has been sorted */
    }
    assert_int_equal(number_of(listener, "dropped-queue") - dropped, flood);
    return reads;
}

static void a_full_queue_delays_no_other_peer(void **state)
{
    net_socket *listener = listen_small(state);
    int fd = crowd_dial(listener);
    static const char fill[64 * 16];

    peers = CALM + 1;
    accept_all(listener, fd);
    crowd_send(fd, HOT, fill, sizeof fill, 64);
    crowd_send(fd, 0, "x", 1, 0);
    assert_count(net_recv(peer[0], (char[4]){0}, 4, soon()), 1);
    assert_int_equal(number_of(peer[HOT], "dropped-queue"), 0);
    assert_in_range(reads_behind(listener, fd, NF_BATCH_MAX), 1,
                    2 + GROWS); /* a batch is small at first */
    assert_int_equal(reads_behind(listener, fd, 0), 1);
    assert_int_equal(reads_behind(listener, fd, NF_BATCH_MAX - CALM), 1);
    assert_in_range(reads_behind(listener, fd, 100), 1, (100 + CALM) / NF_BATCH_MAX + 1);
    assert_int_equal(number_of(peer[HOT], "dropped-queue"), 2 * NF_BATCH_MAX - CALM + 100);
    for (int i = 0; i < 16; i++) {
        assert_count(net_recv(peer[HOT], (char[64]){0}, 64, NET_NOW), 64);
    }
    assert_code(net_recv(peer[HOT], NULL, 0, NET_NOW), NET_TIMEOUT);
    for (int i = 0; i < peers; i++) {
        net_close(peer[i], NET_NOW);
    }
    net_close(listener, NET_NOW);
    close(fd);
}

int main(void)
{
    static const char *const templates[] = {"udp://127.0.0.1:0", "udp://*:0", NULL};
    static const struct test tests[] = {
        TEST(every_datagram_is_heard_once_and_in_order),
        TEST(a_train_serves_all_calls_that_wait_for_a_peer),
        TEST(a_full_queue_delays_no_other_peer),
    };

    return run_over(templates, tests);
}
