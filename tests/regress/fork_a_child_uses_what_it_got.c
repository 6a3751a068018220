/* A child uses the sockets that its parent made. When two of its threads read a hub for the first
 * time, each took the other for a thread of the parent, and both read into the same memory. And the
 * close of one end of a mem connection left the other end a pointer to freed memory. */
#include "watching.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { READERS = 3, WAITING = 64, FORKS = 30 };

struct datagrams {
    net_socket *listener;
    atomic_int begun;
    atomic_int got;
    atomic_int of[WAITING];
    atomic_bool bad;
};

static void *read_all(void *argument)
{
    struct datagrams *all = argument;

    all->begun++;
    while (all->begun < READERS) { /* all at once */
    }
    while (all->got < WAITING && !all->bad) {
        char word[8] = {0};
        int number = -1;
        net_message message = {.data = word, .capacity = sizeof word - 1};
        int n = net_recv_messages(all->listener, &message, 1, net_after(20));

        if (n == NET_TIMEOUT) {
            continue;
        }
        if (n != 1 || sscanf(word, "%d", &number) != 1 || number < 0 || number >= WAITING) {
            all->bad = true;
            break;
        }
        all->of[number]++;
        all->got++;
    }
    return NULL;
}

static int read_in_the_child(void *argument)
{
    struct datagrams *all = argument;
    pthread_t readers[READERS];

    for (int i = 0; i < READERS; i++) {
        if (pthread_create(&readers[i], NULL, read_all, all) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    for (int i = 0; i < WAITING; i++) {
        if (all->of[i] != 1) {
            return 2;
        }
    }
    return all->bad ? 3 : net_close(all->listener, NET_NOW);
}

static void threads_read_each_datagram_once(void **state)
{
    for (int round = 0; round < FORKS; round++) {
        struct datagrams all = {.listener = assert_socket(net_listen(template_of(state)))};
        char address[ADDRESS_MAX];
        char word[8];

        dial_address(all.listener, address);
        net_socket *client = assert_socket(net_connect(address, soon()));

        for (int i = 0; i < WAITING; i++) {
            int size = snprintf(word, sizeof word, "%d", i);

            assert_count(net_send(client, word, (size_t)size, soon()), size);
        }
        int result = in_child(read_in_the_child, &all);

        net_close(client, NET_NOW);
        net_close(all.listener, NET_NOW);
        assert_int_equal(result, 0);
    }
}

static int close_one_end(void *argument)
{
    struct pair *pair = argument;
    net_poller *poller = net_poller_open();
    char word[4];

    if (net_poller_watch(poller, pair->client, NET_READABLE, NULL, NET_FOREVER) != 0) {
        return 1;
    }
    net_close(pair->client, NET_NOW);
    net_send(pair->server, "x", 1, NET_NOW);
    if (net_recv(pair->server, word, sizeof word, NET_NOW) > 0) {
        return 2;
    }
    net_close(pair->server, NET_NOW);
    net_close(pair->listener, NET_NOW);
    net_poller_close(poller);
    return 0;
}

static void one_end_is_closed_and_the_other_is_used(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    int result = in_child(close_one_end, &pair);

    close_pair(&pair);
    assert_int_equal(result, 0);
}

int main(void)
{
    static const struct test datagrams[] = {TEST(threads_read_each_datagram_once)};
    static const struct test streams[] = {TEST(one_end_is_closed_and_the_other_is_used)};
    static const char *const udp[] = {"udp://127.0.0.1:0", "chaos+udp://127.0.0.1:0", NULL};

    return run_over(udp, datagrams) + run_over(stream_templates, streams);
}
