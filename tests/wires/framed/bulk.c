/* Very many messages of all sizes, in both directions at once, sent and received one by one and in
 * batches: each comes, whole and in its place, and then the end. */
#include "plain_peer.h"

#include <string.h>

enum { BATCH = 8, LONGEST = 200000, SIDES = 4, FAR = 1000000 };

static const char *const templates[] = {"framed+tcp://127.0.0.1:0?frame=u32",
                                        "framed+tcp://127.0.0.1:0?frame=netstring",
                                        "framed+unix://@?queue=1", "framed+mem://?frame=u32", NULL};

/* How many bytes go in each direction, at least. */
static size_t bulk(void)
{
    return (size_t)(slowness() > 1 ? 4 : 64) << 20;
}

/* ---- Messages, by their number ---- */

static size_t size_of(unsigned number)
{
    static const unsigned limits[] = {1, 200, 20000, LONGEST + 1};
    unsigned seed = number;

    return number % 100 == 0 ? LONGEST : random_below(&seed, limits[number % COUNT(limits)]);
}

static size_t offset_of(unsigned number)
{
    enum { STEP = 258 };

    return (size_t)number * STEP;
}

/* ---- A thread that sends, or receives, all of one direction ---- */

struct side {
    net_socket *socket;
    char (*room)[LONGEST]; /* for a batch */
    unsigned seed;
    unsigned next; /* the number of the next message */
    size_t bytes;
    bool is_wrong; /* a message was another one, or cut */
    int code;      /* why it ended */
    pthread_t thread;
};

static int choose_count(struct side *side)
{
    return random_below(&side->seed, 2) == 0 ? 1 : BATCH;
}

/* Messages were sent, or received: they have to be those whose turn it is. */
static void note(struct side *side, const net_message *messages, int count)
{
    for (int i = 0; i < count; i++) {
        size_t size = messages[i].size;

        side->is_wrong = side->is_wrong || size != size_of(side->next) ||
                         !is_pattern(messages[i].data, size, offset_of(side->next));
        side->bytes += size;
        side->next++;
    }
}

static int send_some(struct side *side, net_message *messages, int count)
{
    for (int i = 0; i < count; i++) {
        unsigned number = side->next + (unsigned)i;

        messages[i] = (net_message){.data = side->room[i], .size = size_of(number)};
        write_pattern(side->room[i], messages[i].size, offset_of(number));
    }
    if (count > 1) {
        return net_send_messages(side->socket, messages, count, soon());
    }
    ssize_t n = net_send(side->socket, side->room[0], size_of(side->next), soon());

    messages->size = n >= 0 ? (size_t)n : 0;
    return n >= 0 ? 1 : (int)n;
}

static int receive_some(struct side *side, net_message *messages, int count)
{
    for (int i = 0; i < count; i++) {
        messages[i] = (net_message){.data = side->room[i], .capacity = LONGEST};
    }
    if (count > 1) {
        return net_recv_messages(side->socket, messages, count, soon());
    }
    ssize_t n = net_recv(side->socket, side->room[0], LONGEST, soon());

    messages->size = n >= 0 ? (size_t)n : 0;
    return n >= 0 ? 1 : (int)n;
}

static void *send_all(void *argument)
{
    struct side *side = argument;

    while (side->bytes < bulk() && side->code == 0 && !side->is_wrong) {
        net_message messages[BATCH];
        int n = send_some(side, messages, choose_count(side));

        side->code = n < 0 ? n : 0;
        note(side, messages, n);
    }
    int code = net_shutdown(side->socket);

    side->code = side->code == 0 ? code : side->code;
    return NULL;
}

/* One that fails cancels its socket, so that nobody waits for it. */
static void *receive_all(void *argument)
{
    struct side *side = argument;

    while (side->code == 0 && !side->is_wrong) {
        net_message messages[BATCH];
        int n = receive_some(side, messages, choose_count(side));

        side->code = n < 0 ? n : 0;
        note(side, messages, n);
    }
    if (side->code != NET_EOF) {
        net_cancel(side->socket);
    }
    return NULL;
}

/* ---- Both directions ---- */

static void assert_all_came(const struct side *sender, const struct side *receiver)
{
    assert_false(receiver->is_wrong);
    assert_int_equal(receiver->code, NET_EOF);
    assert_false(sender->is_wrong);
    assert_int_equal(sender->code, 0);
    assert_int_equal(receiver->next, sender->next);
    assert_int_equal(receiver->bytes, sender->bytes);
    assert_true(sender->bytes >= bulk());
}

static void every_message_comes_both_ways(void **state)
{
    static char rooms[SIDES][BATCH][LONGEST];
    const char *address = template_of(state);
    struct side sides[SIDES];
    struct pair pair;

    dial_pair_with(address, NULL, strchr(address, '?') + 1, &pair);
    for (int i = 0; i < SIDES; i++) {
        bool sends = i % 2 == 0;
        bool is_way_back = i >= 2;

        sides[i] = (struct side){.socket = sends != is_way_back ? pair.client : pair.server,
                                 .room = rooms[i],
                                 .seed = (unsigned)i,
                                 .next = is_way_back ? FAR : 0};
        assert_int_equal(
            pthread_create(&sides[i].thread, NULL, sends ? send_all : receive_all, &sides[i]), 0);
    }
    for (int i = 0; i < SIDES; i++) {
        pthread_join(sides[i].thread, NULL);
    }
    assert_all_came(&sides[0], &sides[1]);
    assert_all_came(&sides[2], &sides[3]);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {TEST(every_message_comes_both_ways)};

    return run_over(templates, tests);
}
