/* wrap: malloc calloc realloc free strdup strndup send sendmsg recv ppoll open read opendir */
/* A conversation over tls:// from the listener to the close, with one fault: an allocation of ours
 * fails, or a call of the system, once or from then on. A call that can be repeated is. What is
 * received is what was sent, from its beginning, and everything is freed. */
#include "one_fault.h"
#include "tls_pair.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
char *__wrap_strndup(const char *text, size_t size);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);

char *__wrap_strdup(const char *text)
{
    return fails(ALLOCATION) ? NULL : count_in(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
    return fails(ALLOCATION) ? NULL : count_in(__real_strndup(text, size));
}

static bool breaks(int error)
{
    return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT || error == EPERM;
}

/* A connection that is reported to be over is over. */
static bool fails_of(enum victim_id id, int fd)
{
    bool does = fails(id);
    int error = errno;

    if (does && breaks(error) && error != EPERM) {
        shutdown(fd, SHUT_RDWR);
        errno = error;
    }
    return does;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list more;

    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;

    va_end(more);
    return fails(OPEN) ? -1 : __real_open(path, flags, mode);
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
    return fails(READ) ? -1 : __real_read(fd, buffer, size);
}

DIR *__wrap_opendir(const char *path)
{
    return fails(OPEN) ? NULL : __real_opendir(path);
}

/* ---- The conversation ---- */

enum {
    WAIT = 2,     /* ms */
    REPEATS = 3,  /* what fails for good gets well then */
    LASTING = 20, /* a session that was without memory does not get well */
    LONG = 70000,
    NEVER = 1 << 30
};

static char bytes[LONG];

struct talk {
    struct pair pair;
    size_t sent[2]; /* by the client, by the server */
    size_t got[2];
    int tries;
    bool is_over;
};

static net_deadline next(void)
{
    return net_after(WAIT * slowness());
}

/* A code is documented. Returns whether to try again. */
static bool tries_again(struct talk *talk, long long n)
{
    if (n >= 0 || n < NET_SYSTEM || net_error() != n) {
        fail_msg("%lld, net_error() %d: %s", n, net_error(), net_error_text());
    }
    talk->tries++;
    if (talk->tries > REPEATS) {
        plan.is_armed = false;
    }
    if (talk->tries > 1000) {
        fail_msg("call %d of fault %d fails for good: %s; sent %zu %zu, got %zu %zu", plan.which,
                 plan.id, net_error_text(), talk->sent[0], talk->sent[1], talk->got[0],
                 talk->got[1]);
    }
    bool passes = n == NET_TIMEOUT || (n == NET_LIMIT && talk->tries < LASTING);

    talk->is_over = talk->is_over || !passes;
    return !talk->is_over;
}

/* Only what may fail by such a fault: never NET_DENIED, for no certificate was wrong. */
static void expect_cause(int code)
{
    if (code != NET_LIMIT && code != NET_SYSTEM && code != NET_ADDRESS && code != NET_RESET &&
        code != NET_TIMEOUT && (code != NET_DENIED || plan.error != EPERM)) {
        fail_msg("%d: %s", code, net_error_text());
    }
}

static bool opens(struct talk *talk, const char *address)
{
    char target[TLS_ADDRESS_MAX];

    talk->pair.listener = net_listen(address);
    if (talk->pair.listener == NULL) {
        expect_cause(net_error());
        return false;
    }
    bool was = plan.is_armed;

    plan.is_armed = false;
    tls_address(talk->pair.listener, "ca={ca}&name=localhost&tickets=off", target);
    plan.is_armed = was;
    talk->pair.client = net_connect(target, NET_NOW);
    if (talk->pair.client == NULL) {
        expect_cause(net_error());
        return false;
    }
    do {
        talk->pair.server = net_accept(talk->pair.listener, next());
    } while (talk->pair.server == NULL && tries_again(talk, net_error()));
    return talk->pair.server != NULL;
}

/* Asking drives it, and tells of a failure as often as it is asked. */
static int step(net_socket *socket)
{
    int code = net_get(socket, "tls-version", NULL, 0);

    return code > 0 ? 0 : code;
}

static void shake_hands(struct talk *talk)
{
    int codes[2] = {NET_TIMEOUT, NET_TIMEOUT};

    for (int i = 0; (codes[0] < 0 || codes[1] < 0) && !talk->is_over; i++) {
        net_socket *socket = i % 2 == 0 ? talk->pair.client : talk->pair.server;

        codes[i % 2] = codes[i % 2] < 0 ? step(socket) : 0;
        if (codes[i % 2] < 0) {
            expect_cause(codes[i % 2]);
            talk->tries -= codes[i % 2] == NET_TIMEOUT && talk->tries < REPEATS && i < 40 ? 1 : 0;
            tries_again(talk, codes[i % 2]);
        }
    }
}

/* As a poller does: what is left of a send goes out. */
static void push(net_socket *socket)
{
    net_poller *poller = net_poller_open();
    net_event event;

    if (poller != NULL) {
        if (net_poller_watch(poller, socket, NET_READABLE, NULL, NET_FOREVER) == 0) {
            net_poller_wait(poller, &event, 1, NET_NOW);
        }
        net_poller_close(poller);
    }
}

static void send_some(struct talk *talk, int who, size_t size)
{
    net_socket *from = who == 0 ? talk->pair.client : talk->pair.server;
    static char out[LONG];
    long long n;

    write_pattern(out, size, talk->sent[who]);
    do {
        n = net_send(from, out, size, next());
        if (n < 0) {
            expect_cause((int)n);
        }
    } while (n < 0 && tries_again(talk, n));
    talk->sent[who] += n > 0 ? (size_t)n : 0;
}

/* A send that was cut counts as sent. That its rest can never go is what the next send says. */
static void look_at_sender(struct talk *talk, int who)
{
    if (talk->tries == LASTING / 2) {
        send_some(talk, who, 1);
    }
}

static void receive_some(struct talk *talk, int who)
{
    net_socket *to = who == 0 ? talk->pair.server : talk->pair.client;
    net_socket *from = who == 0 ? talk->pair.client : talk->pair.server;
    long long n = 1;

    while (talk->got[who] < talk->sent[who] && !talk->is_over) {
        n = net_recv(to, bytes, sizeof bytes, next());
        if (n > 0) {
            assert_true(is_pattern(bytes, (size_t)n, talk->got[who]));
            talk->got[who] += (size_t)n;
        } else {
            expect_cause((int)n);
            tries_again(talk, n);
            push(from);
            look_at_sender(talk, who);
        }
    }
    assert_true(talk->got[who] <= talk->sent[who]);
}

/* Nothing more comes, and the client half-closes; or the last call of all was one that broke it
 * off. */
static bool was_broken_off(struct talk *talk)
{
    return net_recv(talk->pair.server, bytes, 1, NET_NOW) != NET_TIMEOUT ||
           net_recv(talk->pair.client, bytes, 1, NET_NOW) != NET_TIMEOUT ||
           net_shutdown(talk->pair.client) != 0;
}

/* In order if nothing has failed for good; else what came is a part from the beginning. */
static void finish(struct talk *talk)
{
    plan.is_armed = false;
    if (!talk->is_over) {
        receive_some(talk, 0);
        receive_some(talk, 1);
    }
    if (!talk->is_over && was_broken_off(talk)) {
        assert_true(breaks(plan.error));
        talk->is_over = true;
    }
    if (!talk->is_over) {
        assert_code(net_recv(talk->pair.server, bytes, 1, soon()), NET_EOF);
    } else if (talk->pair.client != NULL && talk->pair.server != NULL) {
        net_close(talk->pair.client, NET_NOW);
        talk->pair.client = NULL;
        long long n = 1;

        while (n > 0) {
            n = net_recv(talk->pair.server, bytes, sizeof bytes, soon());
            if (n > 0) {
                assert_true(is_pattern(bytes, (size_t)n, talk->got[0]));
                talk->got[0] += (size_t)n;
            }
        }
        assert_int_not_equal(n, NET_TIMEOUT);
        assert_true(talk->got[0] <= talk->sent[0]);
    }
    close_pair(&talk->pair);
}

/* Returns whether the fault occurred. */
static bool converse(const char *address)
{
    static const size_t sizes[] = {10, 20000, LONG};
    struct talk talk = {0};
    int alive_before = alive;

    plan.seen = 0;
    plan.is_armed = true;
    if (opens(&talk, address)) {
        shake_hands(&talk);
        for (size_t i = 0; i < 2 * COUNT(sizes) && !talk.is_over; i++) {
            send_some(&talk, (int)(i % 2), sizes[i / 2]);
            receive_some(&talk, (int)(i % 2));
        }
        finish(&talk);
    } else {
        plan.is_armed = false;
        close_pair(&talk.pair);
    }
    /* Settings of dials are kept; with other options than these there are none. */
    if (alive > alive_before && plan.which < NEVER) {
        fail_msg("%d allocations are left of fault %d, call %d", alive - alive_before, plan.id,
                 plan.which);
    }
    return plan.seen >= plan.which;
}

static void listening_address(const char *address, char whole[TLS_ADDRESS_MAX])
{
    snprintf(whole, TLS_ADDRESS_MAX, "%s?cert=%s&key=%s", tls_template(address),
             certificate_file(CERTIFICATE_GOOD), certificate_key(CERTIFICATE_GOOD));
}

static void torture(const char *address)
{
    char whole[TLS_ADDRESS_MAX];
    bool met = true;

    listening_address(address, whole);
    plan.which = NEVER;
    converse(whole); /* what is made once, and what is kept */
    for (plan.which = 1; met; plan.which++) {
        met = converse(whole);
    }
}

static void torture_victims(const char *address, const struct victim_call *victims, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        plan.id = victims[i].id;
        for (int j = 0; victims[i].errors[j] != 0; j++) {
            plan.error = victims[i].errors[j];
            if (plan.for_good && plan.error == EINTR && (plan.id == OPEN || plan.id == READ)) {
                continue; /* no system does that */
            }
            torture(address);
        }
    }
}

static void torture_calls(const char *address)
{
    static const struct victim_call of_files[] = {{OPEN, {EINTR, EMFILE, ENFILE, EACCES, ENOMEM}},
                                                  {READ, {EINTR, EIO}}};

    torture_victims(address, victim_calls, COUNT(victim_calls));
    torture_victims(address, of_files, COUNT(of_files));
}

static void an_allocation_fails(void **state)
{
    plan.id = ALLOCATION;
    plan.error = ENOMEM;
    plan.for_good = false;
    torture(template_of(state));
}

static void allocations_fail_from_some_moment_on(void **state)
{
    plan.id = ALLOCATION;
    plan.error = ENOMEM;
    plan.for_good = true;
    torture(template_of(state));
}

static void a_call_fails_once(void **state)
{
    plan.for_good = false;
    torture_calls(template_of(state));
}

static void a_call_fails_from_some_moment_on(void **state)
{
    plan.for_good = true;
    torture_calls(template_of(state));
}

int main(void)
{
    static const char *const wires[] = {"tls://127.0.0.1:0", "tls+mem://", NULL};
    static const char *const kernel[] = {"tls://127.0.0.1:0", NULL};
    static const struct test memory[] = {
        TEST(an_allocation_fails),
        TEST(allocations_fail_from_some_moment_on),
    };
    static const struct test calls[] = {
        TEST(a_call_fails_once),
        TEST(a_call_fails_from_some_moment_on),
    };

    fails_on = fails_of;
    tls_begin();
    return run_over(wires, memory) + run_over(kernel, calls);
}
