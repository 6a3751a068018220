/* As many sockets as there are descriptors, and what a poller does when none is left. */
#include "watching.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Many ---- */

enum {
    KEPT_BACK = 500,   /* descriptors for everything else */
    MOST_PAIRS = 9500, /* 19,000 handles */
    AT_ONCE = 100      /* datagrams in flight: a udp listener's buffer holds them */
};

/* The number of pairs that this process has descriptors for. */
static int pairs_here(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t pairs = limit.rlim_max > KEPT_BACK ? (limit.rlim_max - KEPT_BACK) / 2 : 1;

    return (pairs < MOST_PAIRS ? (int)pairs : MOST_PAIRS) / slowness();
}

struct many {
    net_poller *poller;
    net_socket *listener;
    int count;
    struct pair *pairs;
};

static void open_many(const char *template, int count, struct many *many)
{
    *many = (struct many){.poller = open_poller(),
                          .listener = assert_socket(net_listen(template)),
                          .count = count,
                          .pairs = calloc((size_t)count, sizeof *many->pairs)};
    assert_non_null(many->pairs);
    for (int i = 0; i < count; i++) {
        dial_again(many->listener, &many->pairs[i].client, &many->pairs[i].server);
        watch(many->poller, many->pairs[i].client, NET_READABLE);
        assert_count(net_poller_watch(many->poller, many->pairs[i].server, NET_READABLE,
                                      &many->pairs[i], NET_FOREVER),
                     0);
    }
}

static void close_many(struct many *many)
{
    for (int i = 0; i < many->count; i++) {
        net_close(many->pairs[i].client, NET_NOW);
        net_close(many->pairs[i].server, NET_NOW);
    }
    net_close(many->listener, NET_NOW);
    free(many->pairs);
    net_poller_close(many->poller);
}

/* Each server is told once, of the client that sent. */
static void expect_words_of(struct many *many, int first, int count)
{
    for (int i = 0; i < count; i++) {
        int number = first + i;

        assert_count(net_send(many->pairs[number].client, &number, sizeof number, soon()),
                     sizeof number);
    }
    for (int i = 0; i < count; i++) {
        net_event event;
        int number = -1;

        assert_count(net_poller_wait(many->poller, &event, 1, soon()), 1);
        const struct pair *pair = event.user;

        assert_int_equal(event.ready, NET_READABLE);
        assert_ptr_equal(event.socket, pair->server);
        assert_count(net_recv(event.socket, &number, sizeof number, NET_NOW), sizeof number);
        assert_ptr_equal(pair, &many->pairs[number]);
        assert_in_range(number, first, first + count - 1);
    }
}

static void every_one_of_many_is_told(void **state)
{
    const int counts[] = {1, 1024, 1025, pairs_here()};

    for (size_t i = 0; i < COUNT(counts); i++) {
        struct many many;

        open_many(template_of(state), counts[i], &many);
        expect_quiet(many.poller, 10);
        for (int first = 0; first < counts[i]; first += AT_ONCE) {
            int left = counts[i] - first;

            expect_words_of(&many, first, left < AT_ONCE ? left : AT_ONCE);
        }
        expect_quiet(many.poller, 10);
        close_many(&many);
    }
}

/* ---- No descriptor left, in a child that has set the limit ---- */

enum { MOST_DESCRIPTORS = 40, NO_LIMIT_HERE = 77, BUSY = 30, IDLE = 300 /* ms */ };

/* Takes all descriptors but `spare`. Returns false if the limit is not applied here. */
static bool use_up_descriptors(int spare)
{
    struct rlimit limit = {.rlim_cur = MOST_DESCRIPTORS, .rlim_max = MOST_DESCRIPTORS};
    int last = -1;

    setrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = dup(0); fd >= 0; fd = dup(0)) {
        last = fd;
        if (fd >= MOST_DESCRIPTORS) {
            return false;
        }
    }
    for (int i = 0; i < spare; i++) {
        close(last - i);
    }
    return true;
}

static bool tells(net_poller *poller, net_socket *socket, unsigned ready)
{
    net_event event;

    return net_poller_wait(poller, &event, 1, soon()) == 1 && event.socket == socket &&
           event.ready == ready;
}

/* Returns 0; 1 if the poller told something; BUSY if it used more than a third of the time,
 * where a spin uses all. */
static int be_idle(net_poller *poller)
{
    net_event event;
    double cpu = cpu_ms();

    if (net_poller_wait(poller, &event, 1, net_after(IDLE)) != NET_TIMEOUT) {
        return 1;
    }
    return slowness() == 1 && cpu_ms() - cpu > IDLE / 3.0 ? BUSY : 0;
}

/* A caller waits at the listener, and there is no descriptor for it. That is told once. Returns
 * 0, BUSY, or a number for what went wrong. */
static int rest(net_poller *poller, net_socket *listener)
{
    if (!tells(poller, listener, NET_READABLE)) {
        return 2;
    }
    if (net_accept(listener, NET_NOW) != NULL || net_error() != NET_LIMIT) {
        return 3;
    }
    int idle = be_idle(poller);

    return idle == 1 ? 4 : idle;
}

/* A descriptor was freed: the caller that waits is told again, and accepted. */
static net_socket *recover(net_poller *poller, net_socket *listener)
{
    return tells(poller, listener, NET_READABLE) ? net_accept(listener, NET_NOW) : NULL;
}

static int accept_without_descriptors(void *argument)
{
    net_poller *poller = net_poller_open();
    net_socket *listener = net_listen(argument);
    char address[ADDRESS_MAX];

    if (poller == NULL || listener == NULL ||
        net_poller_watch(poller, listener, NET_READABLE, NULL, NET_FOREVER) != 0) {
        return 1;
    }
    dial_address(listener, address);
    net_socket *first = net_connect(address, soon());
    net_socket *second = net_connect(address, soon());

    if (first == NULL || second == NULL || !use_up_descriptors(0)) {
        return NO_LIMIT_HERE;
    }
    int code = rest(poller, listener);

    if (code != 0) {
        return code;
    }
    close(MOST_DESCRIPTORS - 1);
    net_socket *served = recover(poller, listener);

    code = served != NULL ? rest(poller, listener) : 5;
    if (code != 0) {
        return code;
    }
    net_close(served, NET_NOW);
    served = recover(poller, listener);
    if (served == NULL) {
        return 6;
    }
    net_close(served, NET_NOW);
    return be_idle(poller);
}

static void expect_recovery(int result)
{
    in_time(result != BUSY);
    assert_true(result == 0 || result == NO_LIMIT_HERE || result == BUSY);
}

/* The listener is told once, without a spin, and again when there are descriptors. */
static void a_listener_without_descriptors_rests_and_recovers(void **state)
{
    expect_recovery(in_child(accept_without_descriptors, (char *)(uintptr_t)template_of(state)));
}

/* A poller needs descriptors to be opened, and none to watch. Without any, a dial is watched as
 * well as possible. */
static int watch_without_descriptors(void *argument)
{
    net_poller *poller = net_poller_open();
    net_socket *listener = net_listen(argument);
    char address[ADDRESS_MAX];

    if (poller == NULL || listener == NULL) {
        return 1;
    }
    dial_address(listener, address);
    net_socket *call = net_connect(address, NET_NOW);

    if (is_encrypted(address) && net_accept(listener, soon()) == NULL) { /* that needs one */
        return 1;
    }
    if (!use_up_descriptors(0)) {
        return NO_LIMIT_HERE;
    }
    if (net_poller_open() != NULL || net_error() != NET_LIMIT) {
        return 2;
    }
    if (net_poller_watch(poller, call, NET_WRITABLE, NULL, NET_FOREVER) != 0 ||
        net_poller_watch(poller, listener, NET_READABLE, NULL, net_after(5)) != 0) {
        return 3;
    }
    bool told = false;

    for (int i = 0; i < 20 && !told; i++) {
        net_event event;

        told = net_poller_wait(poller, &event, 1, soon()) == 1 && event.socket == call;
    }
    net_poller_wake(poller);
    return told ? 0 : 4;
}

static void a_watch_needs_no_descriptor(void **state)
{
    expect_recovery(in_child(watch_without_descriptors, (char *)(uintptr_t)template_of(state)));
}

/* One descriptor is left, and the poller needs two. It gives back the one it got. */
static int open_with_one_descriptor(void *argument)
{
    (void)argument;
    if (!use_up_descriptors(1)) {
        return NO_LIMIT_HERE;
    }
    int before = open_descriptors();

    for (int i = 0; i < 10; i++) {
        if (net_poller_open() != NULL || net_error() != NET_LIMIT ||
            strlen(net_error_text()) == 0) {
            return 1;
        }
    }
    return open_descriptors() == before ? 0 : 2;
}

static void a_poller_that_does_not_fit_leaves_nothing(void **state)
{
    (void)state;
    expect_recovery(in_child(open_with_one_descriptor, NULL));
}

int main(void)
{
    static const char *const two[] = {"tcp://127.0.0.1:0", "udp://127.0.0.1:0", NULL};
    static const struct test many[] = {TEST(every_one_of_many_is_told)};
    static const struct test streams[] = {TEST(a_listener_without_descriptors_rests_and_recovers)};
    static const struct test any[] = {TEST(a_watch_needs_no_descriptor)};
    static const struct test once[] = {TEST(a_poller_that_does_not_fit_leaves_nothing)};

    return run_over(two, many) + run_over(kernel_streams, streams) + run_over(all_templates, any) +
           run_once(once);
}
