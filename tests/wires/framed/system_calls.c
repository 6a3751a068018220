/* wrap: send recv sendmsg recvmsg poll ppoll __ppoll_chk setsockopt */
/* wrap: epoll_wait epoll_ctl read write malloc calloc realloc */
/* driven: skip, it counts the system calls of calls that block */
/* What messages over a stream of the kernel's cost: as many system calls as its bytes do by
 * themselves, and far fewer where messages are small and many. */
#include "counted_calls.h"
#include "watching.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 64, BATCH = 64 };

COUNTED_CALL(WAIT, int, epoll_wait, (int fd, struct epoll_event *events, int n, int timeout),
             (fd, events, n, timeout))
COUNTED_CALL(OTHER, int, epoll_ctl, (int fd, int operation, int other, struct epoll_event *event),
             (fd, operation, other, event))
COUNTED_CALL(OTHER, ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
COUNTED_CALL(OTHER, ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
COUNTED_CALL(ALLOCATE, void *, malloc, (size_t size), (size))
COUNTED_CALL(ALLOCATE, void *, calloc, (size_t n, size_t size), (n, size))
COUNTED_CALL(ALLOCATE, void *, realloc, (void *old, size_t size), (old, size))

static const char *const templates[] = {"framed+tcp://127.0.0.1:0", "framed+unix://@", NULL};

/* ---- One at a time ---- */

/* A receive has room for what may come, and gives back what did not. */
static void a_blocking_call_is_one_system_call(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    expect_one_system_call_each(&pair, 2);
    close_pair(&pair);
}

/* It is not copied, and its frame is sent by the same call. */
static void a_long_message_is_sent_by_one_system_call(void **state)
{
    static char sent[32 * 1024];
    static char got[sizeof sent];
    struct pair pair;

    dial_pair(template_of(state), &pair);
    write_pattern(sent, sizeof sent, 0);
    for (int i = 0; i < 2; i++) {
        start_counting();
        assert_count(net_send(pair.client, sent, sizeof sent, soon()), sizeof sent);
        counting = false;
        assert_count(net_recv(pair.server, got, sizeof got, soon()), sizeof got);
    }
    assert_true(is_pattern(got, sizeof got, 0));
    in_time(counts[SEND] == 1);
    assert_int_equal(counts[WAIT] + counts[OTHER], 0);
    close_pair(&pair);
}

/* ---- Many ---- */

struct batch {
    char bytes[BATCH][SMALL];
    net_message messages[BATCH];
};

static void prepare(struct batch *batch, size_t first)
{
    memset(batch, 0, sizeof *batch);
    for (size_t i = 0; i < BATCH; i++) {
        write_pattern(batch->bytes[i], SMALL, first + i * SMALL);
        batch->messages[i] =
            (net_message){.data = batch->bytes[i], .capacity = SMALL, .size = SMALL};
    }
}

static void check_batch(const struct batch *batch, int count, size_t first)
{
    for (size_t i = 0; i < (size_t)count; i++) {
        assert_int_equal(batch->messages[i].size, SMALL);
        assert_true(is_pattern(batch->bytes[i], SMALL, first + i * SMALL));
    }
}

/* Also when there is place for more messages than have come. */
static void a_batch_is_one_system_call_on_each_side(void **state)
{
    enum { ROUNDS = 10 };
    struct batch out;
    struct batch in;
    struct pair pair;

    dial_pair(template_of(state), &pair);
    for (int i = 0; i < ROUNDS; i++) {
        int sent = BATCH - i % 2;

        prepare(&out, (size_t)i);
        prepare(&in, 0);
        start_counting();
        assert_count(net_send_messages(pair.client, out.messages, sent, NET_FOREVER), sent);
        int got = net_recv_messages(pair.server, in.messages, BATCH, NET_FOREVER);

        counting = false;
        assert_true(got > 0);
        if (!in_time(got == sent)) { /* the system may bring less than was sent at once */
            break;
        }
        check_batch(&in, sent, (size_t)i);
        in_time(counts[SEND] == 1 && counts[RECEIVE] == 1);
        assert_int_equal(counts[WAIT] + counts[OTHER], 0);
        assert_in_range(counts[ALLOCATE], 0, 2);
    }
    close_pair(&pair);
}

/* The first call reads ahead, and the others find their messages here. */
static void a_batch_is_received_one_by_one_by_one_system_call(void **state)
{
    struct batch out;
    struct batch in;
    struct pair pair;

    dial_pair(template_of(state), &pair);
    prepare(&out, 7);
    prepare(&in, 0);
    assert_count(net_send_messages(pair.client, out.messages, BATCH, soon()), BATCH);
    start_counting();
    for (int i = 0; i < BATCH; i++) {
        in.messages[i].size =
            (size_t)assert_ok(net_recv(pair.server, in.bytes[i], SMALL, NET_FOREVER));
    }
    counting = false;
    check_batch(&in, BATCH, 7);
    in_time(counts[RECEIVE] == 1);
    assert_int_equal(counts[WAIT] + counts[OTHER], 0);
    close_pair(&pair);
}

/* ---- By poller ---- */

enum { FITS = 16 }; /* how often what is left of a batch may move to a smaller object */

static void serve(net_poller *poller, net_socket *socket, struct batch *in, int count)
{
    net_event event;

    for (int i = 0; i < count; i++) {
        assert_count(net_poller_wait(poller, &event, 1, NET_FOREVER), 1);
        assert_ptr_equal(event.socket, socket);
        assert_count(net_recv(socket, in->bytes[i], SMALL, NET_NOW), SMALL);
    }
}

/* Nor does the poller receive more often. What waits here costs no receive at all. */
static void by_poller_a_message_is_a_wait_and_a_receive(void **state)
{
    struct batch out;
    struct batch in;
    struct pair pair;
    net_poller *poller = open_poller();

    dial_pair(template_of(state), &pair);
    watch(poller, pair.server, NET_READABLE);
    prepare(&out, 0);
    prepare(&in, 0);
    start_counting();
    for (int i = 0; i < BATCH; i++) {
        assert_count(net_send(pair.client, out.bytes[i], SMALL, soon()), SMALL);
        serve(poller, pair.server, &in, 1);
    }
    counting = false;
    in_time(counts[RECEIVE] == BATCH && counts[WAIT] == BATCH);
    assert_in_range(counts[OTHER], 0, 2);
    assert_in_range(counts[ALLOCATE], 0, 3 * BATCH);
    start_counting();
    assert_count(net_send_messages(pair.client, out.messages, BATCH, soon()), BATCH);
    serve(poller, pair.server, &in, BATCH);
    counting = false;
    in_time(counts[RECEIVE] == 1 && counts[WAIT] == BATCH);
    assert_in_range(counts[OTHER], 0, 2);
    assert_in_range(counts[ALLOCATE], 0, FITS);
    net_poller_close(poller);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_blocking_call_is_one_system_call),
        TEST(a_long_message_is_sent_by_one_system_call),
        TEST(a_batch_is_one_system_call_on_each_side),
        TEST(a_batch_is_received_one_by_one_by_one_system_call),
        TEST(by_poller_a_message_is_a_wait_and_a_receive),
    };

    return run_over(templates, tests);
}
