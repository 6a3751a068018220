/* After a partial send, each further send waited the whole kernel timeout again. With a slow peer,
 * a send outlived its deadline for as long as the peer went on reading. */
#include "support.h"

#include <stdlib.h>

enum { DEADLINE = 600, READS_FOR = 3000, BETWEEN_READS = 10 };

struct slow_reader {
    net_socket *socket;
    _Atomic bool stop;
    pthread_t thread;
};

static void *read_slowly(void *argument)
{
    struct slow_reader *reader = argument;
    double since = now_ms();
    char piece[8192];

    while (!reader->stop && elapsed_ms(since) < READS_FOR * slowness()) {
        ssize_t n = net_recv(reader->socket, piece, sizeof piece, NET_NOW);

        if (n < 0 && n != NET_TIMEOUT) {
            break;
        }
        nap(BETWEEN_READS);
    }
    return NULL;
}

/* As one buffer and as slices: both continue where the first system call ended. */
static void expect_deadline(const char *address, bool as_slices)
{
    const size_t size = (size_t)32 << 20;
    char *much = calloc(1, size);
    net_slice slices[] = {{much, size / 2}, {much, size / 2}};
    struct pair pair;
    struct slow_reader reader = {0};

    assert_non_null(much);
    dial_pair_with(address, "rcvbuf=64KiB", "sndbuf=64KiB", &pair);
    reader.socket = pair.server;
    assert_int_equal(pthread_create(&reader.thread, NULL, read_slowly, &reader), 0);
    double since = now_ms();
    net_deadline deadline = net_after(DEADLINE);
    ssize_t n = as_slices ? net_send_vector(pair.client, slices, 2, deadline)
                          : net_send(pair.client, much, size, deadline);
    double took = elapsed_ms(since);

    reader.stop = true;
    pthread_join(reader.thread, NULL);
    free(much);
    close_pair(&pair);
    assert_true(n > 0 && (size_t)n < size);
    assert_took(took, DEADLINE - 1, DEADLINE + 700);
}

static void a_send_to_a_slow_reader_ends_at_its_deadline(void **state)
{
    expect_deadline(template_of(state), false);
}

static void slices_to_a_slow_reader_end_at_their_deadline(void **state)
{
    expect_deadline(template_of(state), true);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(a_send_to_a_slow_reader_ends_at_its_deadline),
        TEST(slices_to_a_slow_reader_end_at_their_deadline),
    };

    return run_over(templates, tests);
}
