/* wrap: malloc calloc realloc free send sendmsg recv ppoll */
/* A conversation over an encrypted wire, with one fault: an allocation fails, of the library's or
 * of the cipher's, or a call of the system fails. A call that failed is repeated. What counts as
 * sent arrives once and in order, or the connection is reset; and nothing is left of it. */
#include "one_fault.h"
#include "toy_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The conversation ---- */

enum {
    WAIT = 2,           /* ms for what is there at once */
    REPEATS = 6,        /* what fails for good gets well then */
    REPEATS_MOST = 500, /* for a machine that stalls */
    MADE_UP_MOST = 30,
    SIZE = 40000
};

static char out[SIZE];
static char in[SIZE];

struct talk {
    struct pair pair;
    int tries;
    bool is_over; /* the connection has failed for good */
};

static net_deadline next(void)
{
    return net_after(WAIT * slowness());
}

/* A send in a handshake that is reset: the peer may have said why, so that is received first. Where
 * only this test says so, nothing comes. */
static bool is_made_up(void)
{
    return plan.id == SEND && (plan.error == ECONNRESET || plan.error == EPIPE);
}

/* A code is documented. Returns whether to try again: the fault has passed, or will. */
static bool tries_again(struct talk *talk, long long n)
{
    if (n >= 0 || talk->is_over) {
        return false;
    }
    if (n > NET_EOF || n < NET_SYSTEM || net_error() != n || net_error_text()[0] == '\0') {
        fail_msg("%lld, net_error() %d: %s", n, net_error(), net_error_text());
    }
    /* a session for which there was no memory in its handshake has failed for good */
    talk->is_over = n != NET_TIMEOUT && (n != NET_LIMIT || !plan.is_armed);
    talk->tries++;
    if (talk->tries > REPEATS) {
        plan.is_armed = false;
    }
    if (is_made_up() && talk->tries > MADE_UP_MOST) {
        talk->is_over = true;
        return false;
    }
    if (talk->tries > REPEATS_MOST) {
        fail_msg("fails for good, after victim %d, error %d, number %d: %s", (int)plan.id,
                 plan.error, plan.which, net_error_text());
    }
    return !talk->is_over;
}

static bool open_both(const char *address, struct talk *talk)
{
    char target[ADDRESS_MAX];
    bool was = plan.is_armed;
    struct pair *pair = &talk->pair;

    pair->listener = net_listen(address);
    if (pair->listener == NULL) {
        return false;
    }
    plan.is_armed = false;
    dial_address(pair->listener, target);
    plan.is_armed = was;
    pair->client = net_connect(target, NET_NOW);
    while (pair->client != NULL && pair->server == NULL) {
        pair->server = net_accept(pair->listener, soon());
        if (pair->server == NULL && !tries_again(talk, net_error())) {
            return false;
        }
    }
    return pair->server != NULL;
}

static void greet(struct talk *talk)
{
    long long one = NET_TIMEOUT;
    long long other = NET_TIMEOUT;

    while ((one < 0 || other < 0) && !talk->is_over) {
        one = net_send(talk->pair.client, "", 0, NET_NOW);
        tries_again(talk, one);
        other = net_send(talk->pair.server, "", 0, next());
        tries_again(talk, other);
    }
}

/* All of the pattern goes from one to the other, or the connection fails. */
static void carry(struct talk *talk, net_socket *from, net_socket *to)
{
    size_t sent = 0;
    size_t got = 0;

    while (got < SIZE && !talk->is_over) {
        long long n = sent < SIZE ? net_send(from, out + sent, SIZE - sent, next())
                                  : net_recv(from, in, 1, NET_NOW); /* sends what is left */

        tries_again(talk, n);
        sent += n > 0 ? (size_t)n : 0;
        n = net_recv(to, in, sizeof in, next());
        tries_again(talk, n);
        assert_true(n <= 0 || (got + (size_t)n <= sent && is_pattern(in, (size_t)n, got)));
        got += n > 0 ? (size_t)n : 0;
    }
}

static void end(struct talk *talk)
{
    int code = net_shutdown(talk->pair.client);

    while (tries_again(talk, code)) {
        code = net_shutdown(talk->pair.client);
    }
    long long n = NET_TIMEOUT;

    while (!talk->is_over && n != NET_EOF) {
        n = net_recv(talk->pair.server, in, sizeof in, next());
        assert_true(n < 0);
        if (n != NET_EOF) {
            tries_again(talk, n);
            tries_again(talk, net_recv(talk->pair.client, in, 1, NET_NOW));
        }
    }
}

/* Returns whether the fault occurred. */
static bool converse(const char *address)
{
    struct talk talk = {0};
    int alive_before = alive;

    plan.seen = 0;
    plan.is_armed = true;
    if (open_both(address, &talk)) {
        greet(&talk);
        carry(&talk, talk.pair.client, talk.pair.server);
        carry(&talk, talk.pair.server, talk.pair.client);
        if (!talk.is_over) {
            end(&talk);
        }
    }
    bool met = plan.seen >= plan.which;

    assert_true(met || !talk.is_over);
    net_close(talk.pair.client, NET_NOW); /* the fault may come here */
    talk.pair.client = NULL;
    plan.is_armed = false;
    close_toys(&talk.pair);
    assert_true(alive <= alive_before); /* a table of names may have shrunk */
    return met;
}

static void torture(void **state)
{
    static const char *const options[] = {"faults=record:6000,ask:20&motto=abc",
                                          "faults=yield:700,take:9000"};

    write_pattern(out, sizeof out, 0);
    for (size_t i = 0; i < COUNT(options); i++) {
        char whole[ADDRESS_MAX];
        bool met = true;

        with_options(whole, template_of(state), options[i]);
        for (plan.which = 1; met; plan.which++) {
            met = converse(whole);
        }
    }
}

static void an_allocation_fails(void **state)
{
    plan.id = ALLOCATION;
    plan.error = ENOMEM;
    for (int i = 0; i < 2; i++) {
        plan.for_good = i == 1;
        torture(state);
    }
}

static void a_call_of_the_system_fails(void **state)
{
    for (size_t i = 0; i < COUNT(victim_calls); i++) {
        plan.id = victim_calls[i].id;
        for (int j = 0; victim_calls[i].errors[j] != 0; j++) {
            plan.error = victim_calls[i].errors[j];
            plan.for_good = false;
            torture(state);
            plan.for_good = true;
            torture(state);
        }
    }
}

int main(void)
{
    static const struct test memory[] = {TEST(an_allocation_fails)};
    static const struct test calls[] = {TEST(a_call_of_the_system_fails)};

    return run_toys(toy_wires, memory) + run_toys(toy_kernel_wires, calls);
}
