/* wrap: malloc calloc realloc free send sendmsg recv ppoll */
/* A conversation of messages over streams, with one fault: an allocation fails, a call of the
 * system fails, or it takes only a part and fails then. A call that failed is repeated. What counts
 * as sent arrives once and in order, and nothing else does. */
#include "one_fault.h"
#include "plain_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket/backend.h"

/* ---- The conversation ---- */

enum {
    WAIT = 2,    /* ms for what is there at once */
    REPEATS = 3, /* what fails for good gets well then */
    REPEATS_MOST = 500 /* for a machine that stalls */,
    LONG = 70000,
    MOST = 8
};

static char out[MOST][LONG];
static char in[MOST][LONG];

struct talk {
    struct pair pair;
    unsigned sent; /* messages that count as sent */
    unsigned got;
    bool is_over; /* one of its directions has failed for good */
};

static net_deadline next(void)
{
    return net_after(WAIT * slowness());
}

/* A code is documented. Returns whether to try again: the fault has passed, or will. */
static bool tries_again(struct talk *talk, long long n, int *tries)
{
    if (n > 0 || talk->is_over) {
        return false;
    }
    if (n == 0 || n > NET_EOF || n < NET_SYSTEM || net_error() != n) {
        fail_msg("%lld, net_error() %d: %s", n, net_error(), net_error_text());
    }
    talk->is_over = n != NET_TIMEOUT && n != NET_LIMIT;
    (*tries)++;
    if (*tries > REPEATS) {
        plan.is_armed = false;
    }
    if (*tries > REPEATS_MOST) {
        fail_msg("fails for good: %s", net_error_text());
    }
    return !talk->is_over;
}

/* Send messages of these sizes, by the call for one, for slices or for many. */
static void send_some(struct talk *talk, const size_t *sizes, int count, int slices)
{
    int done = 0;
    int tries = 0;
    long long n = 0;

    do {
        net_message messages[MOST];
        net_slice parts[100];
        int left = count - done;

        for (int i = 0; i < left; i++) {
            write_numbered(out[i], sizes[done + i], talk->sent + (unsigned)i);
            messages[i] = (net_message){.data = out[i], .size = sizes[done + i]};
        }
        for (int i = 0; i < slices; i++) {
            size_t step = sizes[0] / (size_t)slices;

            parts[i] = (net_slice){out[0] + step * (size_t)i, step};
        }
        n = count > 1    ? net_send_messages(talk->pair.client, messages, left, next())
            : slices > 0 ? net_send_vector(talk->pair.client, parts, slices, next())
                         : net_send(talk->pair.client, out[0], sizes[0], next());
        assert_true(n <= 0 || n == (count > 1 ? n : (long long)sizes[0]));
        talk->sent += n > 0 ? (unsigned)(count > 1 ? n : 1) : 0;
        done += n > 0 ? (int)(count > 1 ? n : 1) : 0;
    } while ((n > 0 && done < count) || tries_again(talk, n, &tries));
}

/* As a poller does. */
static void push(net_socket *socket)
{
    struct nf_readiness readiness;

    if (has_rest(socket)) {
        nf_backend_of(socket)->ready(socket, NF_OUT, &readiness);
    }
}

/* A message that was cut counts as sent. That its rest can never go is what the next send says. */
static void look_at_sender(struct talk *talk)
{
    static const size_t size = 10;

    if (plan.seen >= plan.which && !talk->is_over) {
        send_some(talk, &size, 1, 0);
    }
}

static void receive_all(struct talk *talk, bool by_batch)
{
    int tries = 0;
    long long n = 1;

    while (talk->got < talk->sent && (n > 0 || tries_again(talk, n, &tries))) {
        net_message messages[MOST];

        push(talk->pair.client);
        for (int i = 0; i < MOST; i++) {
            messages[i] = (net_message){.data = in[i], .capacity = LONG};
        }
        n = by_batch ? net_recv_messages(talk->pair.server, messages, MOST, next())
                     : net_recv(talk->pair.server, in[0], LONG, next());
        messages[0].size = by_batch || n < 0 ? messages[0].size : (size_t)n;
        for (int i = 0; i < (by_batch ? (int)n : n > 0); i++) {
            assert_true(is_numbered(in[i], messages[i].size, talk->got));
            talk->got++;
        }
        if (tries == REPEATS - 1 && n < 0) {
            look_at_sender(talk);
        }
    }
}

/* The connection is over: some of the last messages may be lost, and what came is whole and in
 * order. */
static void receive_what_came(struct talk *talk)
{
    net_close(talk->pair.client, NET_NOW);
    talk->pair.client = NULL;
    ssize_t n = net_recv(talk->pair.server, in[0], LONG, soon());

    while (n >= 0) {
        assert_true(is_numbered(in[0], (size_t)n, talk->got));
        talk->got++;
        n = net_recv(talk->pair.server, in[0], LONG, soon());
    }
    assert_int_not_equal(n, NET_TIMEOUT);
    assert_in_range(talk->got, 0, talk->sent);
}

/* Nothing more comes, and then the end. */
static void finish(struct talk *talk)
{
    plan.is_armed = false;
    receive_all(talk, false);
    if (talk->is_over) {
        receive_what_came(talk);
    } else {
        assert_int_equal(talk->got, talk->sent);
        assert_code(net_recv(talk->pair.server, in[0], LONG, NET_NOW), NET_TIMEOUT);
        assert_ok(net_shutdown(talk->pair.client));
        assert_code(net_recv(talk->pair.server, in[0], LONG, soon()), NET_EOF);
    }
    close_pair(&talk->pair);
}

/* Returns whether the fault occurred. */
static bool converse_in_messages(const char *address, const char *options)
{
    static const size_t short_ones[] = {10, 4, 300, 7, 2000};
    static const size_t mixed[] = {10, 20000, 16390, 5};
    static const size_t one[] = {10};
    static const size_t middle[] = {20000};
    static const size_t longest[] = {LONG};
    static const struct {
        const size_t *sizes;
        int count;
        int slices;
    } steps[] = {{one, 1, 0},     {middle, 1, 0},   {short_ones, 5, 0}, {mixed, 4, 0},
                 {middle, 1, 10}, {middle, 1, 100}, {longest, 1, 10},   {one, 1, 2}};
    struct talk talk = {0};
    int alive_before = alive;

    dial_pair_with(address, options, options, &talk.pair);
    plan.seen = 0;
    plan.fails_next = false;
    plan.is_armed = true;
    for (size_t i = 0; i < COUNT(steps) && !talk.is_over; i++) {
        send_some(&talk, steps[i].sizes, steps[i].count, steps[i].slices);
        if (i % 3 != 1) {
            receive_all(&talk, i % 2 == 1);
        }
    }
    finish(&talk);
    assert_true(alive <= alive_before); /* a table of names may have shrunk */
    return plan.seen >= plan.which;
}

static void torture(const char *address, const char *options)
{
    bool met = true;

    for (plan.which = 1; met; plan.which++) {
        met = converse_in_messages(address, options);
    }
}

/* ---- The faults ---- */

static const char *const kinds[] = {"frame=u32&rcvbuf=256KiB&sndbuf=256KiB",
                                    "frame=netstring&rcvbuf=256KiB&sndbuf=256KiB"};

static void an_allocation_fails(void **state)
{
    const char *address = template_of(state);

    plan.id = ALLOCATION;
    plan.error = ENOMEM;
    plan.is_short = false;
    for (size_t i = 0; i < 2 * COUNT(kinds); i++) {
        plan.for_good = i % 2 == 1;
        torture(address, kinds[i / 2]);
    }
}

static bool opens(const char *address, struct pair *pair)
{
    char target[ADDRESS_MAX];

    pair->listener = net_listen(address);
    if (pair->listener == NULL) {
        return false;
    }
    bool was = plan.is_armed;

    plan.is_armed = false;
    dial_address(pair->listener, target);
    plan.is_armed = was;
    pair->client = net_connect(target, soon());
    pair->server = pair->client != NULL ? net_accept(pair->listener, soon()) : NULL;
    return pair->server != NULL;
}

/* A caller that there is no memory for is not lost. */
static void an_allocation_fails_when_it_opens(void **state)
{
    bool met = true;

    plan.id = ALLOCATION;
    plan.is_short = false;
    plan.for_good = false;
    for (plan.which = 1; met; plan.which++) {
        struct pair pair = {0};
        int alive_before = alive;

        plan.seen = 0;
        plan.is_armed = true;
        bool is_open = opens(template_of(state), &pair);

        plan.is_armed = false;
        met = plan.seen >= plan.which;
        if (!is_open) {
            assert_true(met);
            assert_int_equal(net_error(), NET_LIMIT);
        }
        if (pair.client != NULL && pair.server == NULL) {
            pair.server = assert_socket(net_accept(pair.listener, soon()));
        }
        if (pair.server != NULL) {
            say(pair.client, "here");
            expect_message(pair.server, "here", 4);
        }
        close_pair(&pair);
        assert_true(alive <= alive_before); /* a table of names may have shrunk */
    }
}

static void torture_calls(const char *address, bool for_good, bool is_short)
{
    plan.for_good = for_good;
    plan.is_short = is_short;
    for (size_t i = 0; i < COUNT(victim_calls); i++) {
        plan.id = victim_calls[i].id;
        for (int j = 0; victim_calls[i].errors[j] != 0; j++) {
            plan.error = victim_calls[i].errors[j];
            torture(address, kinds[j % 2]);
        }
    }
}

static void a_call_fails_once(void **state)
{
    torture_calls(template_of(state), false, false);
}

static void a_call_fails_from_some_moment_on(void **state)
{
    torture_calls(template_of(state), true, false);
}

/* The message is cut: it counts as sent, whatever cut it. */
static void a_call_takes_a_part_and_fails_then(void **state)
{
    torture_calls(template_of(state), false, true);
}

static void it_takes_a_part_and_fails_from_then_on(void **state)
{
    torture_calls(template_of(state), true, true);
}

int main(void)
{
    static const char *const kernel[] = {"framed+tcp://127.0.0.1:0", "framed+unix://@", NULL};
    static const struct test memory[] = {
        TEST(an_allocation_fails),
        TEST(an_allocation_fails_when_it_opens),
    };
    static const struct test calls[] = {
        TEST(a_call_fails_once),
        TEST(a_call_fails_from_some_moment_on),
        TEST(a_call_takes_a_part_and_fails_then),
        TEST(it_takes_a_part_and_fails_from_then_on),
    };

    return run_over(framed_wires, memory) + run_over(kernel, calls);
}
