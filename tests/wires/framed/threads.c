/* Many threads on one socket. Senders with short deadlines never interleave, though each of their
 * messages may be cut anywhere; of many receivers each gets whole messages, and each message comes
 * once. */
#include "plain_peer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 4, RECEIVERS = 3, EACH = 400, BATCH = 8, LONGEST = 9000 };

static const char *const templates[] = {"framed+tcp://127.0.0.1:0", "framed+unix://@",
                                        "framed+mem://", "framed+chaos+unix://@?chunk=3000", NULL};

/* The number of a message names its sender and its place among those. */
static unsigned number_from(int sender, int place)
{
    return (unsigned)(sender * EACH + place);
}

static size_t size_of(unsigned number)
{
    unsigned seed = number;

    return NUMBER_SIZE + random_below(&seed, number % 3 == 0 ? LONGEST : 50);
}

struct sender {
    net_socket *socket;
    int which;
    bool failed;
    pthread_t thread;
};

static int make_batch(const struct sender *sender, int place, char *data, net_message *messages)
{
    int count = 0;

    while (count < BATCH && place + count < EACH) {
        unsigned number = number_from(sender->which, place + count);

        messages[count] =
            (net_message){.data = data + count * (LONGEST + NUMBER_SIZE), .size = size_of(number)};
        write_numbered(messages[count].data, messages[count].size, number);
        count++;
    }
    return count;
}

/* By one, by batches; with a deadline that has passed, or passes soon. */
static void *send_all(void *argument)
{
    struct sender *sender = argument;
    unsigned seed = (unsigned)sender->which;
    char *data = malloc((size_t)BATCH * (LONGEST + NUMBER_SIZE));
    net_message messages[BATCH];
    double since = now_ms();
    int place = 0;

    while (data != NULL && place < EACH && !sender->failed) {
        int count = make_batch(sender, place, data, messages);
        bool is_one = random_below(&seed, 2) == 0;
        net_deadline deadline = random_below(&seed, 3) == 0 ? net_after(2) : net_after(0);
        int n = 0;

        if (is_one) {
            ssize_t size = net_send(sender->socket, data, messages[0].size, deadline);

            n = size == (ssize_t)messages[0].size ? 1 : (int)size;
        } else {
            n = net_send_messages(sender->socket, messages, count, deadline);
        }
        sender->failed = (n < 1 && n != NET_TIMEOUT) || elapsed_ms(since) > 20000.0 * slowness();
        place += n > 0 ? n : 0;
    }
    sender->failed = sender->failed || data == NULL;
    free(data);
    return NULL;
}

/* What all receivers have seen: how often each message came. */
struct receiver {
    net_socket *socket;
    _Atomic int *counts;
    int in_order[SENDERS]; /* the next place of each sender, if there is one receiver */
    int out_of_order;
    int wrong;
    int code;
    pthread_t thread;
};

static void note(struct receiver *receiver, const char *data, size_t size)
{
    unsigned number = 0;

    for (int i = 0; i < NUMBER_SIZE && size >= NUMBER_SIZE; i++) {
        number |= (unsigned)(unsigned char)data[i] << 8 * i;
    }
    if (number >= SENDERS * EACH || size != size_of(number) || !is_numbered(data, size, number)) {
        receiver->wrong++;
        return;
    }
    int place = (int)number % EACH;
    int *next = &receiver->in_order[number / EACH];

    receiver->out_of_order += place < *next ? 1 : 0;
    *next = place + 1;
    atomic_fetch_add(&receiver->counts[number], 1);
}

static void *receive_all(void *argument)
{
    struct receiver *receiver = argument;
    size_t room = LONGEST + NUMBER_SIZE;
    char *data = malloc(BATCH * room);

    while (data != NULL && receiver->code == 0) {
        net_message messages[BATCH];

        for (size_t i = 0; i < BATCH; i++) {
            messages[i] = (net_message){.data = data + i * room, .capacity = room};
        }
        int n = net_recv_messages(receiver->socket, messages, BATCH, soon());

        receiver->code = n < 0 ? n : 0;
        for (int i = 0; i < n; i++) {
            note(receiver, messages[i].data, messages[i].size);
        }
    }
    free(data);
    return NULL;
}

static void run_threads(const char *address, int receivers)
{
    static _Atomic int counts[SENDERS * EACH];
    struct pair pair;
    struct sender senders[SENDERS];
    struct receiver receiver[RECEIVERS];
    bool failed = false;

    memset(counts, 0, sizeof counts);
    dial_pair_with(address, SMALL_BUFFERS, SMALL_BUFFERS, &pair);
    for (int i = 0; i < receivers; i++) {
        receiver[i] = (struct receiver){.socket = pair.server, .counts = counts};
        assert_int_equal(pthread_create(&receiver[i].thread, NULL, receive_all, &receiver[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.socket = pair.client, .which = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        failed = failed || senders[i].failed;
    }
    assert_ok(net_shutdown(pair.server));
    assert_ok(net_close(pair.client, soon())); /* with the last rest */
    pair.client = NULL;
    for (int i = 0; i < receivers; i++) {
        pthread_join(receiver[i].thread, NULL);
        assert_int_equal(receiver[i].code, NET_EOF);
        assert_int_equal(receiver[i].wrong, 0);
        assert_int_equal(receiver[i].out_of_order, 0);
    }
    assert_false(failed);
    for (int i = 0; i < SENDERS * EACH; i++) {
        assert_int_equal(counts[i], 1);
    }
    close_pair(&pair);
}

static void senders_do_not_interleave(void **state)
{
    run_threads(template_of(state), 1);
}

/* Each receiver gets the messages of one sender in order, with gaps. */
static void each_message_comes_to_one_receiver(void **state)
{
    run_threads(template_of(state), RECEIVERS);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(senders_do_not_interleave),
        TEST(each_message_comes_to_one_receiver),
    };

    return run_over(templates, tests);
}
