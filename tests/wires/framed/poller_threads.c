/* driven: skip, it has pollers of its own */
/* A poller in one thread sends the rests of what another thread sends, while others receive, cancel
 * and half-close. */
#include "plain_peer.h"
#include "watching.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 300, LONGEST = 30000, SMALL = 100 };

static char out[LONGEST];

/* Sends what is next without waiting. Returns how many of one message were sent: 0 or 1. */
static unsigned send_next(net_socket *socket, unsigned number)
{
    unsigned seed = number;
    size_t size =
        NUMBER_SIZE + random_below(&seed, number % 4 == 0 ? LONGEST - NUMBER_SIZE : SMALL);

    write_numbered(out, size, number);
    ssize_t n = net_send(socket, out, size, NET_NOW);

    assert_true(n == (ssize_t)size || n == NET_TIMEOUT);
    return n < 0 ? 0 : 1;
}

static void send_many(net_socket *socket)
{
    unsigned sent = 0;
    double since = now_ms();

    while (sent < MANY && elapsed_ms(since) < 20000.0 * slowness()) {
        unsigned n = send_next(socket, sent);

        sent += n;
        if (n == 0) {
            sched_yield();
        }
    }
    assert_int_equal(sent, MANY);
}

static void a_poller_sends_the_rests_of_another_thread(void **state)
{
    struct pair pair;
    struct reader reader;
    struct watcher watcher;
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), SMALL_BUFFERS, SMALL_BUFFERS, &pair);
    watch(poller, pair.client, NET_READABLE);
    watcher_start(&watcher, poller);
    reader_start(&reader, pair.server, 0, MANY + 1);
    send_many(pair.client);
    assert_ok(net_shutdown(pair.client)); /* a rest may be left */
    reader_join_code(&reader, MANY, NET_EOF);
    assert_int_equal(watcher.events, 0);
    watcher_stop(&watcher);
    close_pair(&pair);
    net_poller_close(poller);
}

/* Both ends send to each other, and each receives what comes meanwhile. */
static void both_ends_send_at_once(void **state)
{
    struct pair pair;
    struct reader reader;
    struct reader other;
    struct watcher watcher;
    net_poller *poller = open_poller();

    dial_pair_with(template_of(state), SMALL_BUFFERS, SMALL_BUFFERS, &pair);
    assert_ok(net_poller_watch(poller, pair.client, 0, NULL, soon()));
    watcher_start(&watcher, poller);
    reader_start(&reader, pair.server, 0, MANY);
    reader_start(&other, pair.client, 0, MANY);
    send_many(pair.client);
    for (unsigned i = 0; i < MANY; i++) {
        write_numbered(out, SMALL, i);
        assert_count(net_send(pair.server, out, SMALL, soon()), SMALL);
    }
    reader_join(&reader);
    reader_join(&other);
    watcher_stop(&watcher);
    close_pair(&pair);
    net_poller_close(poller);
}

static void *half_close(void *socket)
{
    return net_shutdown(socket) == 0 ? NULL : socket;
}

/* Wherever the half-close meets the sender: what counted as sent comes, and then the end. */
static void a_half_close_meets_senders_anywhere(void **state)
{
    enum { ROUNDS = 20 };
    const char *address = template_of(state);

    for (int round = 0; round < ROUNDS; round++) {
        struct pair pair;
        struct reader reader;
        struct watcher watcher;
        pthread_t closer;
        void *failed = NULL;
        unsigned sent = 0;
        ssize_t n = 1;
        net_poller *poller = open_poller();

        dial_pair_with(address, SMALL_BUFFERS, SMALL_BUFFERS, &pair);
        watch(poller, pair.client, NET_READABLE);
        watcher_start(&watcher, poller);
        reader_start(&reader, pair.server, 0, 1 << 20);
        double since = now_ms();

        while (n != NET_MISUSE && elapsed_ms(since) < 20000.0 * slowness()) {
            if (sent == (unsigned)round) {
                assert_int_equal(pthread_create(&closer, NULL, half_close, pair.client), 0);
            }
            size_t size = sent % 2 == 0 ? LONGEST : SMALL;

            write_numbered(out, size, sent);
            n = net_send(pair.client, out, size, round % 2 == 0 ? soon() : net_after(1));
            assert_true(n == (ssize_t)size || n == NET_TIMEOUT || n == NET_MISUSE);
            sent += n > 0 ? 1 : 0;
            if (n == NET_TIMEOUT && sent == (unsigned)round) {
                pthread_join(closer, &failed);
                break;
            }
        }
        if (n == NET_MISUSE) {
            pthread_join(closer, &failed);
        }
        assert_null(failed);
        reader_join_code(&reader, sent, NET_EOF);
        watcher_stop(&watcher);
        close_pair(&pair);
        net_poller_close(poller);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_poller_sends_the_rests_of_another_thread),
        TEST(both_ends_send_at_once),
        TEST(a_half_close_meets_senders_anywhere),
    };

    return run_over(framed_templates, tests);
}
