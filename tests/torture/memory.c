/* wrap: malloc calloc free pthread_create getaddrinfo */
/* Each allocation and each thread start fails, once or from then on, and what was allocated before
 * is freed. The test counts allocations itself, so this is checked without a sanitizer too. */
#include "allocations.h"
#include "support.h"
#include "torture.h"

#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MEMORY };

static const struct victim victims[] = {{"an allocation", MEMORY, {ENOMEM}}};

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);

static atomic_int allocations_left = -1;
static atomic_int threads_left = -1; /* -1: no limit */

static bool is_used_up(atomic_int *left)
{
    int now = atomic_load(left);

    if (now > 0) {
        atomic_fetch_sub(left, 1);
    }
    return now == 0;
}

void *__wrap_malloc(size_t size)
{
    bool fails = torture_strikes(MEMORY) || is_used_up(&allocations_left);

    return fails ? NULL : count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    bool fails = torture_strikes(MEMORY) || is_used_up(&allocations_left);

    return fails ? NULL : count_in(__real_calloc(count, size));
}

void __wrap_free(void *memory)
{
    __real_free(count_out(memory));
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    return is_used_up(&threads_left) ? EAGAIN
                                     : __real_pthread_create(thread, attributes, body, argument);
}

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)found;
    return EAI_NONAME;
}

static int alive_before;

/* A thread that was left behind frees its memory later. */
static bool nothing_is_lost(void)
{
    double since = now_ms();

    while (alive != alive_before && elapsed_ms(since) < 20000.0 * slowness()) {
        nap(1);
    }
    if (alive != alive_before) {
        print_error("%d allocations before, %d after\n", alive_before, (int)alive);
    }
    return alive == alive_before;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    alive_before = alive;
    torture_all(victims, COUNT(victims), false, true, nothing_is_lost);
}

static void allocations_fail_from_some_moment_on(void **state)
{
    (void)state;
    alive_before = alive;
    torture_all(victims, COUNT(victims), true, true, nothing_is_lost);
}

static int dial_name(bool dialing)
{
    char byte;
    net_socket *call = net_connect("tcp://host.example:80", dialing ? NET_NOW : soon());

    if (call == NULL) {
        return net_error();
    }
    int code = (int)net_recv(call, &byte, 1, soon());

    net_close(call, NET_NOW);
    return code;
}

/* With only so many allocations and threads, a dial by name returns NET_LIMIT, or NET_NAME if it
 * got far enough to learn that the name does not exist. */
static void a_look_up_needs_memory_and_threads(void **state)
{
    (void)state;
    alive_before = alive;
    for (int means = 0; means < 12; means++) {
        for (int what = 0; what < 4; what++) {
            net_endpoint endpoint;

            *(what % 2 == 0 ? &allocations_left : &threads_left) = means;
            int code = dial_name(what / 2 == 1);
            int resolved = net_resolve("udp://host.example:80", &endpoint, 1, soon());

            allocations_left = -1;
            threads_left = -1;
            assert_true(code == NET_LIMIT || code == NET_NAME);
            assert_true(resolved == NET_LIMIT || resolved == NET_NAME);
            assert_true(means > 0 || code == NET_LIMIT);
            assert_true(nothing_is_lost());
        }
    }
}

/* Datagrams that one call read for others stay in the batch until the next read. If there is no
 * memory to spill them, the next read returns NET_LIMIT, and nothing is lost. */
static void datagrams_that_cannot_move_stay_and_nothing_is_lost(void **state)
{
    struct pair pair;
    net_socket *client;
    net_socket *other;
    char buffer[8];

    (void)state;
    dial_pair("udp://127.0.0.1:0", &pair);
    dial_again(pair.listener, &client, &other);
    assert_count(net_send(client, "read", 4, soon()), 4);
    assert_count(net_send(pair.client, "first", 5, soon()), 5);
    assert_count(net_recv(other, buffer, sizeof buffer, soon()),
                 4); /* the datagram of the other peer stays in the batch */
    assert_count(net_send(pair.client, "second", 6, soon()), 6);
    assert_count(net_send(client, "unread", 6, soon()), 6);
    for (int i = 0; i < 3; i++) {
        allocations_left = 0;
        ssize_t n = net_recv(other, buffer, sizeof buffer, i == 0 ? soon() : NET_NOW);

        allocations_left = -1;
        assert_code(n, NET_LIMIT);
        assert_says("no memory");
    }
    assert_count(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), 5);
    assert_count(net_recv(other, buffer, sizeof buffer, NET_NOW), 6);
    assert_memory_equal(buffer, "unread", 6);
    assert_count(net_recv(pair.server, buffer, sizeof buffer, NET_NOW), 6);
    assert_memory_equal(buffer, "second", 6);
    assert_int_equal(number_of(pair.listener, "dropped-queue"), 0);
    net_close(client, NET_NOW);
    net_close(other, NET_NOW);
    close_pair(&pair);
}

/* Once everything has been read, no memory beyond the batch itself is needed. */
static void an_accepted_peer_is_heard_without_memory(void **state)
{
    struct pair pair;
    char buffer[8];

    (void)state;
    dial_pair("udp://127.0.0.1:0", &pair);
    allocations_left = 0;
    for (int i = 0; i < 100; i++) {
        assert_count(net_send(pair.client, "here", 4, soon()), 4);
        assert_count(net_recv(pair.server, buffer, sizeof buffer, soon()), 4);
    }
    allocations_left = -1;
    close_pair(&pair);
}

/* A stranger that there is no memory for is dropped and counted, and the socket goes on. A direct
 * receive of its datagrams into messages needs no memory. */
static void a_stranger_without_memory_is_dropped_and_counted(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];
    char buffer[8];
    net_message message = {.data = buffer, .capacity = sizeof buffer};

    (void)state;
    dial_pair("udp://127.0.0.1:0", &pair);
    dial_address(pair.listener, address);
    net_socket *stranger = assert_socket(net_connect(address, soon()));

    assert_count(net_send(stranger, "lost", 4, soon()), 4);
    await_events(net_fd(pair.listener), POLLIN);
    allocations_left = 0;
    assert_no_socket(net_accept(pair.listener, net_after(50)), NET_TIMEOUT);
    allocations_left = -1;
    assert_int_equal(number_of(pair.listener, "dropped-strangers"), 1);
    assert_count(net_send(stranger, "heard", 5, soon()), 5);
    allocations_left = 0;
    assert_count(net_recv_messages(pair.listener, &message, 1, soon()), 1);
    allocations_left = -1;
    assert_memory_equal(buffer, "heard", 5);
    net_close(stranger, NET_NOW);
    close_pair(&pair);
}

int main(void)
{
    const struct test tests[] = {
        TEST(each_allocation_fails_once),
        TEST(allocations_fail_from_some_moment_on),
        TEST(a_look_up_needs_memory_and_threads),
        TEST(datagrams_that_cannot_move_stay_and_nothing_is_lost),
        TEST(an_accepted_peer_is_heard_without_memory),
        TEST(a_stranger_without_memory_is_dropped_and_counted),
    };

    return run_once(tests);
}
