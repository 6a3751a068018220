/* wrap: accept4 accept nf_now */
/* Where a filter of the process refused accept4 (EPERM), or it failed for good in another way,
 * a loop over a poller turned 500,000 times a second, and nothing named the cause. */
#include "os/clock.h"
#include "watching.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
    WATCHED = 200,        /* ms */
    LOOKS = 60,           /* more than an accept takes that is refused */
    MILLISECOND = 1000000 /* in nanoseconds */
};

static int error; /* of every accept; 0: they work */

int __real_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags);
int __real_accept(int fd, struct sockaddr *name, socklen_t *length);
int __wrap_accept(int fd, struct sockaddr *name, socklen_t *length);

int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags)
{
    errno = error;
    return error != 0 ? -1 : __real_accept4(fd, name, length, flags);
}

int __wrap_accept(int fd, struct sockaddr *name, socklen_t *length)
{
    errno = error;
    return error != 0 ? -1 : __real_accept(fd, name, length);
}

/* Each look at the clock takes a millisecond, so that a deadline can pass between any two. */
static bool looks_take_time;

net_deadline __real_nf_now(void);
net_deadline __wrap_nf_now(void);
net_deadline __wrap_nf_now(void)
{
    static net_deadline taken;

    taken = looks_take_time ? taken + MILLISECOND : 0;
    return __real_nf_now() + taken;
}

/* What each error of the system becomes. */
static const struct {
    int error;
    int code;
    const char *number; /* in the sentence */
} errors[] = {
    {EPERM, NET_DENIED, "errno 1)"},
    {EINVAL, NET_SYSTEM, "errno 22"},
    {ECONNABORTED, NET_TIMEOUT, "errno 103"},
};

static void assert_refused(net_socket *listener, size_t which, net_deadline deadline)
{
    assert_no_socket(net_accept(listener, deadline), errors[which].code);
    assert_non_null(strstr(net_error_text(), "accept"));
    assert_non_null(strstr(net_error_text(), errors[which].number));
}

/* How often a loop turns that accepts whenever the poller says so. */
static int turns(net_poller *poller, net_socket *listener, size_t which)
{
    net_deadline end = net_after(WATCHED);
    net_event event;
    int count = 0;

    while (net_poller_wait(poller, &event, 1, end) == 1) {
        assert_ptr_equal(event.socket, listener);
        assert_refused(listener, which, NET_NOW);
        count++;
    }
    return count;
}

static void a_poller_rests_and_the_cause_is_named(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    net_poller *poller = open_poller();
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    net_socket *client = assert_socket(net_connect(address, soon()));

    watch(poller, listener, NET_READABLE);
    for (size_t i = 0; i < COUNT(errors); i++) {
        error = errors[i].error;
        double cpu = cpu_ms();
        int count = turns(poller, listener, i);

        cpu = cpu_ms() - cpu;
        print_message("%s: %d turns and %.1f ms of cpu in %d ms\n", errors[i].number, count, cpu,
                      WATCHED);
        assert_in_range(count, 1, WATCHED / 10);
        assert_refused(listener, i, net_after(10));
    }
    error = 0;
    expect_event(poller, listener, NET_READABLE);
    net_close(assert_socket(net_accept(listener, NET_NOW)), NET_NOW);
    net_close(client, NET_NOW);
    net_poller_close(poller);
    net_close(listener, NET_NOW);
}

/* Without a deadline it says so, too. */
static void an_accept_without_a_deadline_ends(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    error = EPERM;
    assert_refused(listener, 0, NET_FOREVER);
    error = 0;
    net_close(listener, NET_NOW);
}

/* The look that said "time is left" and the one of the pause were two, and the accept that passed
 * its deadline between them had no cause to name. */
static void the_cause_is_named_whenever_the_deadline_passes(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    error = EPERM;
    looks_take_time = true;
    for (int looks = 1; looks <= LOOKS; looks++) {
        assert_refused(listener, 0, net_after(looks));
    }
    looks_take_time = false;
    error = 0;
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "unix://@", NULL};
    static const struct test tests[] = {
        TEST(a_poller_rests_and_the_cause_is_named),
        TEST(an_accept_without_a_deadline_ends),
        TEST(the_cause_is_named_whenever_the_deadline_passes),
    };

    return run_over(templates, tests);
}
