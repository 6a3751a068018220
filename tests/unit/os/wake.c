/* wrap: eventfd */
/* A wake: posted from any thread, seen by poll, and each process has its own. */
#include "netfacade.h"
#include "os/poll.h"
#include "os/wake.h"
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);

static int eventfds_left = -1;
static int error = EMFILE; /* without one */

int __wrap_eventfd(unsigned count, int flags)
{
    if (eventfds_left == 0) {
        errno = error;
        return -1;
    }
    return __real_eventfd(count, flags);
}

static bool is_posted(struct nf_wake *wake)
{
    struct nf_poll poll = {.fd = nf_wake_fd(wake), .want = NF_IN};

    return nf_poll(&poll, 1, NET_NOW) == 1;
}

static void a_post_is_seen_until_it_is_drained(void **state)
{
    struct nf_wake wake;

    (void)state;
    assert_int_equal(nf_wake_open(&wake), 0);
    assert_false(is_posted(&wake));
    nf_wake_drain(&wake);
    for (int i = 0; i < 1000; i++) {
        nf_wake_post(&wake);
    }
    assert_true(is_posted(&wake));
    assert_true(is_posted(&wake) && nf_wake_is_posted(&wake));
    nf_wake_drain(&wake);
    assert_false(is_posted(&wake) || nf_wake_is_posted(&wake));
    nf_wake_post(&wake);
    assert_true(is_posted(&wake));
    nf_wake_close(&wake);
    nf_wake_close(&wake);
}

static struct nf_wake *posted_by_signal;

static void post(int number)
{
    (void)number;
    nf_wake_post(posted_by_signal);
}

static void a_signal_handler_may_post_and_errno_is_kept(void **state)
{
    struct nf_wake wake;
    struct sigaction action = {.sa_handler = post};

    (void)state;
    assert_int_equal(nf_wake_open(&wake), 0);
    posted_by_signal = &wake;
    assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
    errno = 4321;
    raise(SIGUSR2);
    assert_int_equal(errno, 4321);
    assert_true(is_posted(&wake));
    signal(SIGUSR2, SIG_DFL);
    nf_wake_close(&wake);
}

static int post_in_child(void *argument)
{
    struct nf_wake *wake = argument;
    int inherited = nf_wake_fd(wake);

    nf_wake_post(wake);
    nf_wake_drain(wake);
    if (is_posted(wake)) {
        return 1;
    }
    nf_wake_post(wake);
    if (!is_posted(wake)) {
        return 2;
    }
    nf_wake_close(wake);
    return inherited >= 0 ? 0 : 3;
}

/* Neither process sees a post of the other. */
static void a_forked_child_has_a_wake_of_its_own(void **state)
{
    struct nf_wake wake;

    (void)state;
    assert_int_equal(nf_wake_open(&wake), 0);
    assert_int_equal(in_child(post_in_child, &wake), 0);
    assert_false(is_posted(&wake));
    nf_wake_post(&wake);
    assert_int_equal(in_child(post_in_child, &wake), 0);
    assert_true(is_posted(&wake));
    nf_wake_close(&wake);
}

static int ask_without_means(void *argument)
{
    eventfds_left = 0;
    return nf_wake_fd(argument) == NET_LIMIT ? 0 : 1;
}

static void without_descriptors_it_is_a_limit(void **state)
{
    struct nf_wake wake;

    (void)state;
    eventfds_left = 0;
    assert_int_equal(nf_wake_open(&wake), NET_LIMIT);
    nf_wake_post(&wake);
    nf_wake_close(&wake);
    eventfds_left = -1;
    assert_int_equal(nf_wake_open(&wake), 0);
    assert_int_equal(in_child(ask_without_means, &wake), 0);
    nf_wake_close(&wake);
}

/* A system without eventfd(2): the same promises hold. */
static void without_eventfd_a_socket_stands_in(void **state)
{
    static const int errors[] = {ENOSYS, EPERM};

    eventfds_left = 0;
    for (size_t i = 0; i < COUNT(errors); i++) {
        error = errors[i];
        a_post_is_seen_until_it_is_drained(state);
        a_signal_handler_may_post_and_errno_is_kept(state);
        a_forked_child_has_a_wake_of_its_own(state);
    }
    eventfds_left = -1;
    error = EMFILE;
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_post_is_seen_until_it_is_drained),
        TEST(a_signal_handler_may_post_and_errno_is_kept),
        TEST(a_forked_child_has_a_wake_of_its_own),
        TEST(without_descriptors_it_is_a_limit),
        TEST(without_eventfd_a_socket_stands_in),
    };

    return run_once(tests);
}
