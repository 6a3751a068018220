/* wrap: calloc */
/* Two threads give one socket to two pollers, and one of them is too late. The watch that it had
 * begun was counted all the same. net_poller_list listed it. net_poller_close wrote into the
 * socket, which could be freed, or removed it from the poller that has it. */
#include "watching.h"

static net_poller *winner;
static net_socket *wanted;

/* What another thread does at this moment. */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    net_poller *other = winner;

    if (other != NULL) {
        winner = NULL;
        watch(other, wanted, NET_READABLE);
    }
    return __real_calloc(count, size);
}

static void the_other_has_it_alone(void **state)
{
    net_poller *late = open_poller();
    net_poller *first = open_poller();
    char target[ADDRESS_MAX];

    wanted = assert_socket(net_listen(template_of(state)));
    dial_address(wanted, target);
    winner = first;
    assert_code(net_poller_watch(late, wanted, NET_READABLE, NULL, NET_FOREVER), NET_MISUSE);
    assert_null(winner);
    assert_count(net_poller_list(late, NULL, 0), 0);
    assert_count(net_poller_list(first, NULL, 0), 1);
    net_poller_close(late);
    net_socket *client = assert_socket(net_connect(target, soon()));

    expect_event(first, wanted, NET_READABLE);
    net_close(wanted, NET_NOW);
    assert_count(net_poller_list(first, NULL, 0), 0);
    net_close(client, NET_NOW);
    net_poller_close(first);
}

int main(void)
{
    static const struct test tests[] = {TEST(the_other_has_it_alone)};

    return run_over(kernel_streams, tests);
}
