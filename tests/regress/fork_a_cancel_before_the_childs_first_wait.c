/* wrap: eventfd */
/* In a forked child, an accept looked at the cancel flag and then created the child's own wake. A
 * cancel between the two woke nobody, and the accept slept on until its deadline. */
#include "support.h"

#include <stdatomic.h>
#include <sys/eventfd.h>

enum { LATE = 4 };

static _Atomic bool armed;
static _Atomic bool making; /* the child creates its wake */
static _Atomic bool canceled;

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
    if (atomic_exchange(&armed, false)) {
        making = true;
        while (!canceled) {
            nap(1);
        }
    }
    return __real_eventfd(count, flags);
}

static int cancel_in_time(void *argument)
{
    net_socket *listener = argument;
    struct caller acceptor;

    armed = true;
    caller_launch(&acceptor, call_accept, listener, net_after(10000 * (int64_t)slowness()));
    while (!making && !acceptor.done) {
        nap(1);
    }
    if (!making) {
        return 1;
    }
    net_cancel(listener);
    canceled = true;
    caller_join(&acceptor);
    if (acceptor.result != NET_CANCELED) {
        return 2;
    }
    if (net_close(listener, NET_NOW) != 0) {
        return 3;
    }
    return acceptor.ms > 1000.0 * slowness() ? LATE : 0;
}

static void a_cancel_ends_a_call_about_to_wait(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    making = false;
    canceled = false;
    int result = in_child(cancel_in_time, listener);

    net_close(listener, NET_NOW);
    in_time(result != LATE);
    assert_true(result == 0 || result == LATE);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_cancel_ends_a_call_about_to_wait)};

    return run_over(kernel_templates, tests);
}
