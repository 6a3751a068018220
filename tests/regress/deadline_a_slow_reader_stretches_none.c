/* A send to a slow reader returned long after its deadline. On a unix socket the kernel starts
 * the timeout of a blocking send again with each buffer that it gets rid of. */
#include "support.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
    SIZE = 4 * 1024 * 1024,
    DEADLINE = 300,
    PIECE = 64 * 1024,
    PAUSE = 50, /* ms after each piece that the reader takes */
    OVERSHOOT = 50
};

struct reader {
    net_socket *socket;
    _Atomic bool is_over;
    pthread_t thread;
};

static void *read_slowly(void *argument)
{
    struct reader *reader = argument;
    char *room = malloc(PIECE);

    while (!reader->is_over && net_recv(reader->socket, room, PIECE, net_after(PAUSE)) != 0) {
        nap(PAUSE);
    }
    free(room);
    return NULL;
}

typedef ssize_t send_call(net_socket *socket, char *data, net_deadline deadline);

static ssize_t send_whole(net_socket *socket, char *data, net_deadline deadline)
{
    return net_send(socket, data, SIZE, deadline);
}

static ssize_t send_in_slices(net_socket *socket, char *data, net_deadline deadline)
{
    net_slice slices[16];

    for (size_t i = 0; i < COUNT(slices); i++) {
        size_t size = SIZE / COUNT(slices);

        slices[i] = (net_slice){.data = data + i * size, .size = size};
    }
    return net_send_vector(socket, slices, COUNT(slices), deadline);
}

static void expect_on_time(const char *address, send_call *send, const char *name)
{
    struct reader reader = {0};
    struct pair pair;
    char *data = calloc(1, SIZE);

    dial_pair_with(address, "rcvbuf=64KiB", "sndbuf=256KiB", &pair);
    reader.socket = pair.server;
    assert_int_equal(pthread_create(&reader.thread, NULL, read_slowly, &reader), 0);
    double since = now_ms();
    double cpu = thread_cpu_ms();
    ssize_t sent = send(pair.client, data, net_after(DEADLINE));
    double took = elapsed_ms(since);

    cpu = thread_cpu_ms() - cpu;
    reader.is_over = true;
    pthread_join(reader.thread, NULL);
    print_message("%s: %.1f ms beyond its deadline, %.2f ms of cpu\n", name, took - DEADLINE, cpu);
    assert_true(sent > 0);
    assert_true(sent < SIZE);
    assert_int_equal(net_error(), NET_TIMEOUT);
    in_time(took >= DEADLINE && took < DEADLINE + OVERSHOOT * slowness());
    in_time(cpu < took / 20 * slowness());
    close_pair(&pair);
    free(data);
}

static void a_send_ends_at_its_deadline(void **state)
{
    expect_on_time(template_of(state), send_whole, "send");
}

static void a_send_of_slices_ends_at_its_deadline(void **state)
{
    expect_on_time(template_of(state), send_in_slices, "send_vector");
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "unix://@",
                                            "chaos+unix://@?seed=1", NULL};
    static const struct test tests[] = {
        TEST(a_send_ends_at_its_deadline),
        TEST(a_send_of_slices_ends_at_its_deadline),
    };

    return run_over(templates, tests);
}
