/* Any number of threads use one socket, until one of them cancels it, joins the others and
 * closes it. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *read_until_canceled(void *argument)
{
    char buffer[256];
    ssize_t n = 0;

    while (n >= 0 || n == NET_TIMEOUT) {
        n = net_recv(argument, buffer, sizeof buffer, net_after(3));
    }
    return NULL;
}

static void *write_until_canceled(void *argument)
{
    char text[256] = {0};
    ssize_t n = 0;

    while (n >= 0 || n == NET_TIMEOUT) {
        n = net_send(argument, text, sizeof text, net_after(3));
    }
    return NULL;
}

static void *cancel_at_some_time(void *argument)
{
    net_cancel(argument);
    return NULL;
}

static void reader_writer_and_canceller_end_in_good_order(void **state)
{
    enum { ROUNDS = 300 };
    unsigned seed = 77;

    for (int i = 0; i < ROUNDS / slowness(); i++) {
        struct pair round;
        pthread_t threads[3];

        dial_pair(template_of(state), &round);
        pthread_create(&threads[0], NULL, read_until_canceled, round.client);
        pthread_create(&threads[1], NULL, write_until_canceled, round.client);
        if (i % 2 == 0) {
            nap((int)random_below(&seed, 2));
        }
        pthread_create(&threads[2], NULL, cancel_at_some_time, round.client);
        for (size_t j = 0; j < COUNT(threads); j++) {
            pthread_join(threads[j], NULL);
        }
        close_pair(&round);
    }
}

enum { SENDERS = 4, RECORD = 20000, RECORDS = 40 };

struct sender {
    net_socket *socket;
    char byte;
    int sent;
    pthread_t thread;
};

static void *send_records(void *argument)
{
    struct sender *sender = argument;
    char record[RECORD];
    net_slice slices[3] = {{record, 1}, {record + 1, RECORD - 2}, {record + RECORD - 1, 1}};

    memset(record, sender->byte, sizeof record);
    for (int i = 0; i < RECORDS; i++) {
        ssize_t n = i % 2 == 0 ? net_send(sender->socket, record, sizeof record, soon())
                               : net_send_vector(sender->socket, slices, 3, soon());

        sender->sent += n == RECORD ? 1 : 0;
    }
    return NULL;
}

static void whole_sends_never_mix(void **state)
{
    struct pair pair;
    struct sender senders[SENDERS] = {0};
    static char record[RECORD];
    static char expected[RECORD];

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < SENDERS; i++) {
        senders[i].socket = pair.client;
        senders[i].byte = (char)('a' + i);
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_records, &senders[i]), 0);
    }
    bool mixed = false;

    for (int i = 0; i < SENDERS * RECORDS && !mixed; i++) {
        if (net_recv_all(pair.server, record, RECORD, soon()) != RECORD) {
            break;
        }
        memset(expected, record[0], RECORD);
        mixed = memcmp(record, expected, RECORD) != 0;
    }
    net_cancel(pair.server);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_int_equal(senders[i].sent, RECORDS);
    }
    assert_false(mixed);
    close_pair(&pair);
}

/* Several readers of one stream take whole amounts: no net_recv_all is split by another's. */
static void *receive_records(void *argument)
{
    struct sender *reader = argument;
    static __thread char record[RECORD];
    static __thread char expected[RECORD];

    while (net_recv_all(reader->socket, record, RECORD, soon()) == RECORD) {
        memset(expected, record[0], RECORD);
        if (memcmp(record, expected, RECORD) != 0) {
            break;
        }
        reader->sent++;
    }
    return NULL;
}

static void whole_receives_never_mix(void **state)
{
    struct pair pair;
    struct sender readers[3] = {0};
    struct sender sender = {.byte = 'x'};
    int received = 0;

    dial_pair(template_of(state), &pair);
    for (size_t i = 0; i < COUNT(readers); i++) {
        readers[i].socket = pair.server;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, receive_records, &readers[i]), 0);
    }
    sender.socket = pair.client;
    send_records(&sender);
    sender.byte = 'y';
    send_records(&sender);
    assert_count(net_shutdown(pair.client), 0);
    for (size_t i = 0; i < COUNT(readers); i++) {
        pthread_join(readers[i].thread, NULL);
        received += readers[i].sent;
    }
    assert_int_equal(received, 2 * RECORDS);
    close_pair(&pair);
}

enum { PAIRS = 20, SOCKETS = 2 * PAIRS, THREADS = 8 };

struct shared {
    net_socket *sockets[SOCKETS];
    net_socket *listener;
    bool stream;
    _Atomic bool stop;
};

struct visitor {
    struct shared *shared;
    long calls;
    unsigned seed;
    int bad; /* the first unexpected code */
    pthread_t thread;
};

static long long call_at_random(struct visitor *visitor)
{
    struct shared *shared = visitor->shared;
    net_socket *socket = shared->sockets[random_below(&visitor->seed, SOCKETS)];
    net_deadline deadline = net_after((int)random_below(&visitor->seed, 3) - 1);
    char buffer[200] = {0};
    net_slice slices[] = {{buffer, 100}, {buffer, 0}, {buffer, 50}};
    net_message message = {.data = buffer, .capacity = sizeof buffer, .size = 100};
    int n;

    switch (random_below(&visitor->seed, 12)) {
    case 0:
    case 1:
    case 2:
        return net_send(socket, buffer, random_below(&visitor->seed, 200), deadline);
    case 3:
    case 4:
    case 5:
        return net_recv(socket, buffer, sizeof buffer, deadline);
    case 6:
        return net_send_vector(socket, slices, 3, deadline);
    case 7:
        return shared->stream ? net_recv_all(socket, buffer, sizeof buffer, deadline)
                              : net_recv_messages(socket, &message, 1, deadline);
    case 8:
        return shared->stream ? net_recv_until(socket, buffer, sizeof buffer, 1, deadline)
                              : net_send_messages(socket, &message, 1, deadline);
    case 9:
        return net_get(socket, "bytes-received", buffer, sizeof buffer);
    case 10:
        n = net_get(socket, "rcvbuf", buffer, sizeof buffer);
        return n == NET_ADDRESS ? 0 : n; /* some wires have no addresses */
    default:
        return net_close(net_accept(shared->listener, NET_NOW), NET_NOW);
    }
}

static void *call_all_at_random(void *argument)
{
    struct visitor *visitor = argument;

    do {
        long long n = call_at_random(visitor);

        visitor->calls++;
        if (n < 0 && n != NET_TIMEOUT && n != NET_TOOBIG && visitor->bad == 0) {
            visitor->bad = (int)n;
        }
    } while (!visitor->shared->stop);
    return NULL;
}

static void random_calls_of_many_threads_on_many_sockets_do_no_harm(void **state)
{
    enum { DURATION = 300 };
    struct pair pair;
    struct shared shared = {.stream = is_stream(template_of(state))};
    struct visitor visitors[THREADS] = {0};

    dial_pair(template_of(state), &pair);
    shared.listener = pair.listener;
    for (int i = 0; i < PAIRS; i++) {
        dial_again(pair.listener, &shared.sockets[2 * i], &shared.sockets[2 * i + 1]);
    }
    for (int i = 0; i < THREADS; i++) {
        visitors[i].shared = &shared;
        visitors[i].seed = 4000u + (unsigned)i;
        pthread_create(&visitors[i].thread, NULL, call_all_at_random, &visitors[i]);
    }
    nap(DURATION);
    shared.stop = true;
    for (int i = 0; i < SOCKETS; i++) {
        net_cancel(shared.sockets[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(visitors[i].thread, NULL);
    }
    for (int i = 0; i < SOCKETS; i++) {
        net_close(shared.sockets[i], NET_NOW);
    }
    close_pair(&pair);
    for (int i = 0; i < THREADS; i++) {
        assert_true(visitors[i].calls > 0);
        /* the last call of a thread may have met a cancel, or one of its peer */
        assert_true(visitors[i].bad == 0 || visitors[i].bad == NET_CANCELED ||
                    visitors[i].bad == NET_EOF || visitors[i].bad == NET_RESET);
    }
}

static void *fail_differently(void *argument)
{
    int *code = argument;
    char buffer[8];

    if (net_error() != 0 || strlen(net_error_text()) == 0) {
        return NULL;
    }
    *code = net_recv(NULL, buffer, sizeof buffer, NET_NOW) < 0 ? net_error() : 0;
    return NULL;
}

static void each_thread_has_a_last_failure_of_its_own(void **state)
{
    struct pair pair;
    char buffer[8];
    char kept[256];
    int code = 0;
    pthread_t thread;

    dial_pair(template_of(state), &pair);
    assert_code(net_recv(pair.client, buffer, sizeof buffer, NET_NOW), NET_TIMEOUT);
    strncpy(kept, net_error_text(), sizeof kept - 1);
    kept[sizeof kept - 1] = '\0';
    pthread_create(&thread, NULL, fail_differently, &code);
    pthread_join(thread, NULL);
    assert_int_equal(code, NET_MISUSE);
    assert_int_equal(net_error(), NET_TIMEOUT);
    assert_string_equal(net_error_text(), kept);
    /* A success does not change the failure. */
    assert_count(net_send(pair.client, "x", 1, soon()), 1);
    assert_int_equal(net_error(), NET_TIMEOUT);
    assert_string_equal(net_error_text(), kept);
    close_pair(&pair);
}

int main(void)
{
    static const struct test any[] = {
        TEST(reader_writer_and_canceller_end_in_good_order),
        TEST(random_calls_of_many_threads_on_many_sockets_do_no_harm),
        TEST(each_thread_has_a_last_failure_of_its_own),
    };
    static const struct test streams[] = {
        TEST(whole_sends_never_mix),
        TEST(whole_receives_never_mix),
    };

    return run_over(all_templates, any) + run_over(stream_templates, streams);
}
