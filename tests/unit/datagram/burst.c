/* wrap: recv recvmmsg setsockopt malloc */
/* What a dialed datagram socket receives ahead. The kernel is made up: it sends trains of every
 * shape into buffers of every size. A look for more datagrams must not take what it does not
 * return. */
#include "datagram/burst.h"
#include "os/cause.h"
#include "os/transfer.h"
#include "support.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { LARGEST = 65507, MOST = 256, FD = -7 /* no open descriptor */ };

struct train {
    size_t size;
    size_t segment;
    size_t offset; /* the place of its first byte in the endless text */
};

/* The kernel: what has arrived and is not received yet. It keeps trains joined once it was asked
 * to. */
static struct {
    struct train queue[MOST];
    int first;
    int last;
    size_t offset;
    bool knows_trains;
    bool keeps_trains;
    bool is_empty; /* at the end of the last receive */
    int receives;
    int plain_receives;
} kernel;

/* What was received and is not returned yet, as the kernel counts it. */
static long long returned;
static long long received;
static long long sent;
static bool without_memory;

static void reset(void)
{
    memset(&kernel, 0, sizeof kernel);
    kernel.knows_trains = true;
    returned = received = sent = 0;
}

static long long count_of(const struct train *train)
{
    return train->size <= train->segment
               ? 1
               : (long long)((train->size + train->segment - 1) / train->segment);
}

static void come(size_t size, size_t segment)
{
    struct train *train = &kernel.queue[kernel.last++ % MOST];

    assert_true(kernel.last - kernel.first <= MOST);
    *train = (struct train){.size = size, .segment = segment, .offset = kernel.offset};
    kernel.offset += size;
    sent += count_of(train);
}

/* Take the next train, or the next datagram of it. */
static bool leave(struct train *out, bool whole)
{
    struct train *train = &kernel.queue[kernel.first % MOST];

    if (kernel.first == kernel.last) {
        errno = EAGAIN;
        return false;
    }
    *out = *train;
    if (!whole && out->size > out->segment) {
        out->size = out->segment;
    }
    train->size -= out->size;
    train->offset += out->size;
    kernel.first += train->size == 0 ? 1 : 0;
    received += count_of(out);
    kernel.is_empty = kernel.first == kernel.last;
    return true;
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
    struct train datagram;

    assert_int_equal(fd, FD);
    assert_true((flags & MSG_TRUNC) != 0);
    assert_false(kernel.keeps_trains);
    kernel.receives++;
    kernel.plain_receives++;
    if (!leave(&datagram, false)) {
        return -1;
    }
    write_pattern(buffer, datagram.size < size ? datagram.size : size, datagram.offset);
    return (ssize_t)datagram.size;
}

static void fill_in(struct mmsghdr *header, const struct train *train)
{
    struct msghdr *message = &header->msg_hdr;
    size_t at = 0;

    for (size_t i = 0; i < message->msg_iovlen; i++) {
        size_t left = train->size - at;
        size_t piece = message->msg_iov[i].iov_len;

        piece = left < piece ? left : piece;
        write_pattern(message->msg_iov[i].iov_base, piece, train->offset + at);
        at += piece;
    }
    header->msg_len = (unsigned)train->size;
    message->msg_namelen = 0;
    message->msg_flags = at < train->size ? MSG_TRUNC : 0;
    if (!kernel.keeps_trains || train->size == train->segment) {
        message->msg_controllen = 0;
        return;
    }
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int segment = (int)train->segment;

    assert_non_null(control);
    control->cmsg_level = IPPROTO_UDP;
    control->cmsg_type = UDP_GRO;
    control->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(control), &segment, sizeof segment);
    message->msg_controllen = CMSG_SPACE(sizeof segment);
}

int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    struct train train;
    int got = 0;

    assert_int_equal(fd, FD);
    assert_true((flags & MSG_TRUNC) != 0 && (flags & MSG_WAITFORONE) != 0);
    assert_null(timeout);
    kernel.receives++;
    while (got < (int)count && leave(&train, kernel.keeps_trains)) {
        fill_in(&messages[got++], &train);
    }
    return got > 0 ? got : -1;
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    if (fd != FD || level != IPPROTO_UDP || option != UDP_GRO) {
        return __real_setsockopt(fd, level, option, value, size);
    }
    kernel.keeps_trains = kernel.knows_trains;
    errno = ENOPROTOOPT;
    return kernel.knows_trains ? 0 : -1;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return without_memory ? NULL : __real_malloc(size);
}

/* ---- What must be returned ---- */

/* The datagrams that came, one by one. */
static struct {
    size_t length[MOST * 64];
    int first;
    int last;
    size_t offset;
} expected;

static void send_train(size_t size, size_t segment)
{
    come(size, segment);
    do {
        size_t length = size < segment ? size : segment;

        expected.length[expected.last++ % (int)COUNT(expected.length)] = length;
        size -= length;
    } while (size > 0);
}

static void start(struct nf_burst *burst)
{
    reset();
    memset(&expected, 0, sizeof expected);
    memset(burst, 0, sizeof *burst);
}

static ssize_t take_or_receive(struct nf_burst *burst, void *buffer, size_t size, bool many)
{
    return nf_burst_is_waiting(burst)
               ? nf_burst_take(burst, buffer, size)
               : nf_burst_recv(burst, FD, buffer, size, NF_DONTWAIT | NF_LENGTH, many);
}

/* One receive into exactly so much memory returns the next datagram, as much of it as fits. It also
 * says truly whether there is more. */
static void receive(struct nf_burst *burst, size_t size, bool null, bool many)
{
    unsigned char *buffer = null && size == 0 ? NULL : malloc(size + 1);
    bool any = expected.first < expected.last;
    size_t length = any ? expected.length[expected.first % (int)COUNT(expected.length)] : 0;
    ssize_t n = 0;

    if (buffer != NULL) {
        buffer[size] = 0xa5;
    }
    n = take_or_receive(burst, buffer, size, many);
    assert_int_equal(n, any ? (ssize_t)length : NF_WOULD_BLOCK);
    if (any && buffer != NULL) {
        assert_true(is_pattern(buffer, length < size ? length : size, expected.offset));
        assert_int_equal(buffer[size], 0xa5);
    }
    expected.offset += length;
    expected.first += any ? 1 : 0;
    returned += any ? 1 : 0;
    assert_int_equal(burst->waiting, received > returned);
    assert_true(nf_burst_has_more(burst) || (kernel.is_empty && received == returned));
    free(buffer);
}

static void receive_all(struct nf_burst *burst, size_t size, bool many)
{
    while (expected.first < expected.last) {
        receive(burst, size, false, many);
    }
}

/* As after a flood: the socket has asked the kernel for trains. */
static void ask_for_trains(struct nf_burst *burst)
{
    for (int i = 0; i < 20; i++) {
        send_train(10, 10);
    }
    receive_all(burst, 10, true);
    assert_true(burst->has_trains);
    assert_non_null(burst->batch); /* trains are worth their cost now */
}

/* ---- The tests ---- */

/* Datagrams that arrive alone leave no memory allocated, each receive is one call, and the looks
 * become rare. */
static void datagrams_that_come_alone_take_no_memory(void **state)
{
    enum { ROUNDS = 1000, LOOKS = 25 };
    struct nf_burst burst;

    (void)state;
    start(&burst);
    for (int i = 0; i < ROUNDS; i++) {
        send_train(100, 100);
        receive(&burst, 200, false, false);
        assert_null(burst.batch);
    }
    assert_int_equal(kernel.receives, ROUNDS);
    assert_in_range(ROUNDS - kernel.plain_receives, 1, LOOKS);
    assert_false(kernel.keeps_trains);
    receive(&burst, 200, false, false);
    nf_burst_free(&burst);
}

/* Without memory for a look, the socket still receives. */
static void a_look_without_memory_is_a_plain_receive(void **state)
{
    struct nf_burst burst;

    (void)state;
    start(&burst);
    for (int i = 0; i < 50; i++) {
        char buffer[8];

        send_train(3, 3);
        without_memory = true;
        ssize_t n = take_or_receive(&burst, buffer, sizeof buffer, i % 2 == 1);
        without_memory = false;
        assert_int_equal(n, 3);
    }
    assert_int_equal(kernel.plain_receives, 50);
}

/* Trains cannot be received without a batch. The call fails with NET_LIMIT, and nothing is lost. */
static void trains_without_memory_wait(void **state)
{
    struct nf_burst burst;
    char buffer[8];

    (void)state;
    start(&burst);
    ask_for_trains(&burst);
    nf_burst_free(&burst);
    send_train(8, 3);
    without_memory = true;
    ssize_t n = take_or_receive(&burst, buffer, sizeof buffer, false);

    without_memory = false;
    assert_int_equal(n, NET_LIMIT);
    receive_all(&burst, 8, false);
    nf_burst_free(&burst);
}

/* Whatever a look found, or could not take into its small buffer, is still there. */
static void a_look_loses_nothing_and_tells_of_more(void **state)
{
    (void)state;
    for (int waiting = 1; waiting <= 100; waiting += waiting < 5 ? 1 : 19) {
        for (int alone = 0; alone < 10; alone++) {
            struct nf_burst burst;

            start(&burst);
            for (int i = 0; i < alone; i++) {
                send_train(5, 5);
                receive(&burst, 5, false, false);
            }
            for (int i = 0; i < waiting; i++) {
                send_train((size_t)i % 7, (size_t)i % 7);
            }
            receive_all(&burst, 6, false);
            receive(&burst, 6, false, false);
            nf_burst_free(&burst);
        }
    }
}

/* The first datagram of a train begins in the caller's buffer, in as much of it as the datagram
 * before needed. The datagram may be shorter, longer or equal, and the buffer may hold all, some or
 * none of it. */
static void a_train_is_split_between_the_buffer_and_the_batch(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 5, 1400, 2047, 2048, 2049, 9000};
    static const size_t rooms[] = {0, 1, 3, 1400, 2048, 2050, 9000, 65536};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes) * COUNT(sizes) * COUNT(rooms) * 4; i++) {
        size_t before = sizes[i % COUNT(sizes)];
        size_t segment = sizes[i / COUNT(sizes) % COUNT(sizes)];
        size_t room = rooms[i / COUNT(sizes) / COUNT(sizes) % COUNT(rooms)];
        size_t shape = i / COUNT(sizes) / COUNT(sizes) / COUNT(rooms);
        static const int tails[] = {0, 1, 2, 6}; /* datagrams after the first */
        struct nf_burst burst;

        start(&burst);
        ask_for_trains(&burst);
        send_train(before, before);
        receive(&burst, 65536, false, false);
        if (segment == 0) {
            send_train(0, 0);
        } else {
            send_train(segment * (1 + (size_t)tails[shape]) - (shape % 2 == 1 ? segment / 2 : 0),
                       segment);
        }
        send_train(1, 1);
        receive(&burst, room, true, false);
        receive_all(&burst, room, false);
        nf_burst_free(&burst);
    }
}

/* The part of a first train that is moved out of the caller's buffer goes in front of its place in
 * the batch. It overwrites no other datagram, even if those are the largest. */
static void a_train_that_is_moved_spoils_no_other(void **state)
{
    struct nf_burst burst;

    (void)state;
    start(&burst);
    ask_for_trains(&burst);
    for (int round = 0; round < 2; round++) {
        send_train(30000, 30000);
        receive(&burst, 65536, false, false);
        send_train(60000, 1000);
        for (int i = 1; i < NF_BATCH_MAX; i++) {
            send_train(i % 8 == 7 ? LARGEST : 100, i % 8 == 7 ? LARGEST : 10);
        }
        receive_all(&burst, 65536, false);
    }
    nf_burst_free(&burst);
}

static void the_largest_datagrams_and_trains_come_whole(void **state)
{
    struct nf_burst burst;

    (void)state;
    start(&burst);
    send_train(LARGEST, LARGEST);
    receive(&burst, 65536, false, false);
    ask_for_trains(&burst);
    for (int i = 0; i < 4; i++) {
        send_train(LARGEST, LARGEST);
        send_train(LARGEST, 1024);
        send_train(0, 0);
        send_train(65000, 1400);
        send_train(64, 1);
        receive_all(&burst, i == 3 ? 100 : 65536, i == 1);
    }
    nf_burst_free(&burst);
}

static void come_by_chance(unsigned *seed)
{
    static const unsigned limits[] = {2, 10, 1500, 1500, 3000, 9000, LARGEST};
    size_t segment = random_below(seed, limits[random_below(seed, COUNT(limits))]);
    size_t most = segment > 0 ? LARGEST / segment : 1;
    size_t count = 1 + random_below(seed, most < 64 ? (unsigned)most : 64);
    size_t last = segment > 0 ? 1 + random_below(seed, (unsigned)segment) : 0;

    if (random_below(seed, 2) == 0) {
        send_train(segment, segment);
    } else {
        send_train(segment * (count - 1) + last, count > 1 ? segment : last);
    }
}

/* Everything at random, with a kernel that knows trains and with one that does not. */
static void run(unsigned seed, bool knows_trains)
{
    static const unsigned rooms[] = {1, 2, 100, 2000, 2000, 10000, 65537};
    struct nf_burst burst;
    int rounds = 3000 / slowness();

    print_message("seed %u\n", seed);
    start(&burst);
    kernel.knows_trains = knows_trains;
    for (int round = 0; round < rounds; round++) {
        unsigned arrivals = random_below(&seed, random_below(&seed, 8) == 0 ? 50 : 4);
        int left = (int)random_below(&seed, 3) == 0 ? 5 : 0;

        for (unsigned i = 0; i < arrivals && kernel.last - kernel.first < MOST; i++) {
            come_by_chance(&seed);
        }
        while (expected.last - expected.first > left) {
            size_t room = random_below(&seed, rooms[random_below(&seed, COUNT(rooms))]);

            receive(&burst, room, random_below(&seed, 2) == 0, random_below(&seed, 4) == 0);
        }
        if (left == 0) {
            receive(&burst, 1, false, false);
        }
    }
    assert_int_equal(burst.has_trains, knows_trains);
    nf_burst_free(&burst);
}

static void what_comes_is_returned_once_and_in_order(void **state)
{
    (void)state;
    run(1, true);
    run(20110412, true);
    run(3, false);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(datagrams_that_come_alone_take_no_memory),
        TEST(a_look_without_memory_is_a_plain_receive),
        TEST(trains_without_memory_wait),
        TEST(a_look_loses_nothing_and_tells_of_more),
        TEST(a_train_is_split_between_the_buffer_and_the_batch),
        TEST(a_train_that_is_moved_spoils_no_other),
        TEST(the_largest_datagrams_and_trains_come_whole),
        TEST(what_comes_is_returned_once_and_in_order),
    };

    return run_once(tests);
}
