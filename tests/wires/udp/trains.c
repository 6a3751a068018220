/* wrap: setsockopt sendmmsg */
/* Trains change nothing: the datagrams that arrive are those that were sent, as they were sent.
 * This holds for the sizes of Linux's own test of trains (udpgso.c), and from every kind of socket
 * to every kind. It also holds where the system refuses trains. */
#include "support.h"
#include "trains.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- The system ---- */

static struct {
    bool no_gro;
    int refusal;           /* the errno for trains; 0: they work */
    size_t refused_from;   /* for datagrams of this size and larger */
    unsigned refused_port; /* only to this port; 0: to all */
    unsigned at_most;      /* messages in one call; 0: as many as there are */
    int refusals;
    int trains;
} plan;

int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    if (plan.no_gro && level == IPPROTO_UDP && option == UDP_GRO) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return __real_setsockopt(fd, level, option, value, size);
}

static unsigned port_of(const struct msghdr *message)
{
    struct sockaddr_in6 name = {0}; /* the port of IPv4 is at the same offset */

    if (message->msg_name == NULL) {
        return 0;
    }
    memcpy(&name, message->msg_name,
           message->msg_namelen < sizeof name ? message->msg_namelen : sizeof name);
    return ntohs(name.sin6_port);
}

static bool is_refused(const struct msghdr *message)
{
    size_t segment = train_of(message);

    return segment > 0 && plan.refusal != 0 && segment >= plan.refused_from &&
           (plan.refused_port == 0 || plan.refused_port == port_of(message));
}

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned good = 0;

    while (good < count && !is_refused(&messages[good].msg_hdr) &&
           (plan.at_most == 0 || good < plan.at_most)) {
        good++;
    }
    if (good == 0) {
        plan.refusals++;
        errno = plan.refusal;
        return -1;
    }
    int sent = __real_sendmmsg(fd, messages, good, flags);

    plan.refusals += sent < 0 && train_of(&messages->msg_hdr) > 0 ? 1 : 0;
    for (int i = 0; i < sent; i++) {
        plan.trains += train_of(&messages[i].msg_hdr) > 0 ? 1 : 0;
    }
    return sent;
}

/* ---- What is sent ---- */

enum { MSS = 1472, MSS6 = 1452, LARGEST = 65507, MOST = 300, BYTES = 200000 };

/* `count` datagrams of one size, and one more that may be shorter. */
struct shape {
    size_t size;
    int count;
    size_t tail; /* 0: none */
};

static const struct shape shapes[] = {
    {0, 1, 0},         /* no payload */
    {1, 1, 0},         /* one byte */
    {MSS, 1, 0},       /* as much as one packet holds */
    {MSS6, 1, 0},      /**/
    {MSS + 1, 1, 0},   /* and one byte more */
    {MSS, 1, 1},       /* one full packet and one byte */
    {MSS6, 1, 1},      /**/
    {MSS, 2, 0},       /* exactly two */
    {MSS6, 2, 0},      /**/
    {MSS, 2, 1},       /* two packets and one byte */
    {MSS, 1, MSS - 1}, /* or one byte less */
    {MSS, 44, 0},      /* as much as a train holds */
    {MSS, 44, 232},    /* to the last byte */
    {MSS, 45, 1},      /* and more than it holds */
    {1, 2, 0},         /* tiny ones */
    {2, 2, 1},         /**/
    {1, 64, 0},        /* as many as a train may have */
    {1, 65, 0},        /* one more */
    {5, 130, 3},       /* many more */
    {0, 5, 0},         /* empty ones, which are in no train */
    {MSS + 1, 10, 0},  /* two packets each */
    {9000, 7, 8999},   /* many packets each */
    {LARGEST, 1, 0},   /* the largest datagram */
    {LARGEST - 1, 1, LARGEST - 2},
};

struct parcel {
    net_message message[MOST];
    int count;
    size_t bytes;
};

static unsigned char out[BYTES];
static unsigned char in[1 << 17];

static void add(struct parcel *parcel, size_t size)
{
    assert_true(parcel->count < MOST && parcel->bytes + size <= sizeof out);
    parcel->message[parcel->count++] = (net_message){.data = out + parcel->bytes, .size = size};
    parcel->bytes += size;
}

static void add_shape(struct parcel *parcel, const struct shape *shape)
{
    for (int i = 0; i < shape->count; i++) {
        add(parcel, shape->size);
    }
    if (shape->tail > 0) {
        add(parcel, shape->tail);
    }
}

/* Runs of every kind, one after the other. A shorter last datagram, a larger size or an empty
 * datagram ends a run. */
static void add_mixture(struct parcel *parcel)
{
    static const size_t sizes[] = {0,   0,    7,   7, 7, 3, 3, 9,  9,  0, 9, 9, 1472, 1472, 100,
                                   100, 1472, 1,   1, 1, 2, 2, 1,  0,  5, 4, 3, 2,    1,    1,
                                   1,   300,  300, 1, 5, 1, 5, 70, 70, 0, 0, 8, 8,    8,    8};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        add(parcel, sizes[i]);
    }
}

/* ---- The senders and receivers ---- */

/* A connection, a dialed socket that is not accepted, and a raw socket that another socket
 * dials. */
struct bench {
    struct pair pair;
    net_socket *stranger;
    net_socket *to_raw;
    int raw;
    net_endpoint of_stranger;
    net_endpoint of_raw;
};

static void open_bench(struct bench *bench, const char *address)
{
    bool v6 = strstr(address, "[::1]") != NULL;
    char text[ADDRESS_MAX];

    memset(bench, 0, sizeof *bench);
    write_pattern(out, sizeof out, 0);
    dial_pair(address, &bench->pair);
    dial_address(bench->pair.listener, text);
    bench->stranger = assert_socket(net_connect(text, soon()));
    assert_ok(net_get(bench->stranger, "local", text, sizeof text));
    assert_count(net_resolve(text, &bench->of_stranger, 1, soon()), 1);
    bench->raw = raw_bind(v6 ? "::1" : "127.0.0.1", text);
    bench->to_raw = assert_socket(net_connect(text, soon()));
    assert_count(net_resolve(text, &bench->of_raw, 1, soon()), 1);
}

static void close_bench(struct bench *bench)
{
    close(bench->raw);
    net_close(bench->to_raw, NET_NOW);
    net_close(bench->stranger, NET_NOW);
    close_pair(&bench->pair);
}

static void send_parcel(net_socket *from, struct parcel *parcel, const net_endpoint *to)
{
    long long messages = number_of(from, "messages-sent");
    long long bytes = number_of(from, "bytes-sent");

    for (int i = 0; i < parcel->count && to != NULL; i++) {
        parcel->message[i].endpoint = *to;
    }
    assert_count(net_send_messages(from, parcel->message, parcel->count, soon()), parcel->count);
    assert_int_equal(number_of(from, "messages-sent") - messages, parcel->count);
    assert_int_equal(number_of(from, "bytes-sent") - bytes, parcel->bytes);
}

static void check_one(const struct parcel *parcel, int i, const void *data, long long size)
{
    assert_int_equal(size, parcel->message[i].size);
    assert_int_equal(memcmp(data, parcel->message[i].data, parcel->message[i].size), 0);
}

static void hear_raw(int fd, const struct parcel *parcel)
{
    for (int i = 0; i < parcel->count; i++) {
        check_one(parcel, i, in, recv(fd, in, sizeof in, MSG_TRUNC));
    }
    assert_int_equal(recv(fd, in, sizeof in, MSG_DONTWAIT), -1);
}

static void hear_one_by_one(net_socket *to, const struct parcel *parcel)
{
    for (int i = 0; i < parcel->count; i++) {
        check_one(parcel, i, in, assert_ok(net_recv(to, in, sizeof in, soon())));
    }
    assert_code(net_recv(to, in, sizeof in, NET_NOW), NET_TIMEOUT);
}

/* Each datagram is received into a buffer of its own, as large as needed. */
static void hear_messages(net_socket *to, const struct parcel *parcel)
{
    static net_message message[MOST];
    int got = 0;

    memset(in, 0, parcel->bytes);
    while (got < parcel->count) {
        size_t at = 0;

        for (int i = got; i < parcel->count; i++) {
            size_t room = parcel->message[i].size;

            message[i] = (net_message){.data = in + at, .capacity = room};
            at += room;
        }
        int n = (int)assert_ok(net_recv_messages(to, message + got, parcel->count - got, soon()));

        for (int i = got; i < got + n; i++) {
            check_one(parcel, i, message[i].data, (long long)message[i].size);
        }
        got += n;
    }
    assert_code(net_recv_messages(to, message, 1, NET_NOW), NET_TIMEOUT);
}

/* Send one parcel in every direction. */
static void carry(struct bench *bench, struct parcel *parcel)
{
    struct pair *pair = &bench->pair;

    send_parcel(pair->client, parcel, NULL);
    hear_one_by_one(pair->server, parcel);
    send_parcel(pair->client, parcel, NULL);
    hear_messages(pair->server, parcel);
    send_parcel(pair->server, parcel, NULL);
    hear_one_by_one(pair->client, parcel);
    send_parcel(pair->server, parcel, NULL);
    hear_messages(pair->client, parcel);
    send_parcel(bench->stranger, parcel, NULL);
    hear_messages(pair->listener, parcel);
    send_parcel(pair->listener, parcel, &bench->of_stranger);
    hear_one_by_one(bench->stranger, parcel);
    send_parcel(pair->listener, parcel, &bench->of_raw);
    hear_raw(bench->raw, parcel);
    for (int i = 0; i < parcel->count; i++) {
        parcel->message[i].endpoint = (net_endpoint){0};
    }
    send_parcel(bench->to_raw, parcel, NULL);
    hear_raw(bench->raw, parcel);
}

static void carry_all(const char *address)
{
    static struct parcel parcel;
    struct bench bench;

    open_bench(&bench, address);
    for (size_t i = 0; i <= COUNT(shapes); i++) {
        parcel.count = 0;
        parcel.bytes = 0;
        if (i < COUNT(shapes)) {
            add_shape(&parcel, &shapes[i]);
        } else {
            add_mixture(&parcel);
        }
        carry(&bench, &parcel);
    }
    close_bench(&bench);
}

/* ---- The tests ---- */

static void what_arrives_is_what_was_sent(void **state)
{
    memset(&plan, 0, sizeof plan);
    carry_all(template_of(state));
    assert_true(plan.trains > 0);
}

static void receivers_without_trains_get_the_same(void **state)
{
    memset(&plan, 0, sizeof plan);
    plan.no_gro = true;
    carry_all(template_of(state));
}

/* Use fewer shapes where a system call with so much memory takes milliseconds. */
static unsigned stride(void)
{
    return slowness() >= 10 ? 3 : 1;
}

/* The system refuses a train when it is sent, although it accepted the option before. */
static void trains_that_are_refused_go_one_by_one(void **state)
{
    static const int errors[] = {EIO, EINVAL, EMSGSIZE, EOPNOTSUPP};

    for (size_t i = 0; i < COUNT(errors); i += stride()) {
        memset(&plan, 0, sizeof plan);
        plan.refusal = errors[i];
        plan.refused_from = i % 2 == 0 ? 1 : 100;
        plan.at_most = i == 3 ? 3 : 0;
        carry_all(template_of(state));
        assert_true(plan.refusals > 0);
    }
}

/* A system call may send fewer messages than it was given. The next one goes on from there. */
static void a_system_call_that_sends_in_part_is_followed_by_another(void **state)
{
    for (unsigned most = 1; most < 4; most += stride()) {
        memset(&plan, 0, sizeof plan);
        plan.at_most = most;
        carry_all(template_of(state));
    }
}

/* The system itself refuses a train whose datagrams are larger than its packets. */
static void over_small_packets_the_same_arrives(void **state)
{
    memset(&plan, 0, sizeof plan);
    if (!set_loopback_mtu(1500)) {
        skip();
    }
    carry_all(template_of(state));
    assert_true(plan.refusals > 0);
    assert_true(set_loopback_mtu(65536));
}

/* Send `count` datagrams of one size to one of the two. */
static void send_run(net_socket *from, const net_endpoint *to, size_t size, int count)
{
    static struct parcel parcel;

    parcel.count = 0;
    parcel.bytes = 0;
    for (int i = 0; i < count; i++) {
        add(&parcel, size);
    }
    plan.trains = 0;
    plan.refusals = 0;
    send_parcel(from, &parcel, to);
}

static void hear_run(net_socket *to, size_t size, int count)
{
    for (int i = 0; i < count; i++) {
        assert_count(net_recv(to, in, sizeof in, soon()), (long long)size);
    }
    assert_code(net_recv(to, in, sizeof in, NET_NOW), NET_TIMEOUT);
}

static void check_run(net_socket *from, struct bench *bench, int which, size_t size, int trains,
                      int refusals)
{
    net_socket *to[] = {bench->stranger, bench->to_raw};
    const net_endpoint *of[] = {&bench->of_stranger, &bench->of_raw};

    send_run(from, of[which], size, 10);
    hear_run(to[which], size, 10);
    assert_int_equal(plan.trains, trains);
    assert_int_equal(plan.refusals, refusals);
}

/* A host that refused a train gets no more trains of that size or larger. Smaller ones and other
 * hosts still get trains. */
static void a_refused_train_is_remembered_for_its_host_and_size(void **state)
{
    struct bench bench;
    char text[ADDRESS_MAX];
    char other[2 * ADDRESS_MAX];

    memset(&plan, 0, sizeof plan);
    open_bench(&bench, template_of(state));
    net_socket *from = bench.pair.listener;

    net_close(bench.to_raw, NET_NOW);
    dial_address(from, text);
    snprintf(other, sizeof other, "%s?source=127.0.0.5", text);
    bench.to_raw = assert_socket(net_connect(other, soon())); /* another stranger */
    plan.refused_port = (unsigned)number_of(bench.stranger, "port");
    plan.refused_from = 1000;
    plan.refusal = EIO;
    assert_ok(net_get(bench.to_raw, "local", text, sizeof text));
    assert_count(net_resolve(text, &bench.of_raw, 1, soon()), 1);
    check_run(from, &bench, 0, 500, 1, 0);
    check_run(from, &bench, 0, 1000, 0, 1);
    check_run(from, &bench, 0, 1000, 0, 0);
    check_run(from, &bench, 0, 1400, 0, 0);
    check_run(from, &bench, 1, 1400, 1, 0);
    check_run(from, &bench, 0, 999, 1, 0);
    check_run(from, &bench, 1, 1000, 1, 0);
    check_run(from, &bench, 0, 1000, 0, 0);
    close_bench(&bench);
}

/* Three trains with a datagram in the middle that does not fit a packet. The sent ones are counted
 * to the byte, the next call reports the failure, and the rest can be sent. */
static void check_partial(net_socket *from, net_socket *to, const net_endpoint *endpoint)
{
    static struct parcel parcel;
    static char huge[70000];
    long long messages = number_of(from, "messages-sent");
    long long bytes = number_of(from, "bytes-sent");

    parcel.count = 0;
    parcel.bytes = 0;
    for (int i = 0; i < 24; i++) {
        add(&parcel, i < 10 ? 700 : i < 15 ? 300 : 20);
    }
    parcel.message[15] = (net_message){.data = huge, .size = sizeof huge};
    for (int i = 0; i < parcel.count && endpoint != NULL; i++) {
        parcel.message[i].endpoint = *endpoint;
    }
    assert_count(net_send_messages(from, parcel.message, 24, soon()), 15);
    assert_int_equal(number_of(from, "messages-sent") - messages, 15);
    assert_int_equal(number_of(from, "bytes-sent") - bytes, 10 * 700 + 5 * 300);
    assert_code(net_send_messages(from, parcel.message + 15, 9, soon()), NET_TOOBIG);
    assert_int_equal(number_of(from, "messages-sent") - messages, 15);
    assert_count(net_send_messages(from, parcel.message + 16, 8, soon()), 8);
    assert_int_equal(number_of(from, "messages-sent") - messages, 23);
    assert_int_equal(number_of(from, "bytes-sent") - bytes, 10 * 700 + 5 * 300 + 8 * 20);
    for (int i = 0; i < 24; i++) {
        if (i != 15) {
            check_one(&parcel, i, in, assert_ok(net_recv(to, in, sizeof in, soon())));
        }
    }
    assert_code(net_recv(to, in, sizeof in, NET_NOW), NET_TIMEOUT);
}

static void trains_before_a_failure_count_exactly(void **state)
{
    struct bench bench;

    memset(&plan, 0, sizeof plan);
    open_bench(&bench, template_of(state));
    for (int refused = 0; refused < 2; refused++) {
        plan.refusal = refused == 1 ? EIO : 0;
        check_partial(bench.pair.client, bench.pair.server, NULL);
        check_partial(bench.pair.server, bench.pair.client, NULL);
        check_partial(bench.pair.listener, bench.stranger, &bench.of_stranger);
    }
    close_bench(&bench);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_arrives_is_what_was_sent),
        TEST(receivers_without_trains_get_the_same),
        TEST(trains_that_are_refused_go_one_by_one),
        TEST(a_system_call_that_sends_in_part_is_followed_by_another),
        TEST(over_small_packets_the_same_arrives),
        TEST(trains_before_a_failure_count_exactly),
    };

    static const struct test many_hosts[] = {
        TEST(a_refused_train_is_remembered_for_its_host_and_size),
    };
    static const char *const templates[] = {"udp://127.0.0.1:0", "udp://*:0", NULL};

    return run_over(udp_templates, tests) + run_over(templates, many_hosts);
}
