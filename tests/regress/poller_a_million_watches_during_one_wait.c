/* wrap: calloc */
/* What was removed from a poller was freed when its thread woke. If nothing ever woke the thread,
 * the poller took new memory for every socket that came and went. */
#include "watching.h"

#include "api/watch.h"

static _Atomic size_t taken; /* bytes */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    taken += count * size;
    return __real_calloc(count, size);
}

static net_poller *poller;

static long long call_wait(struct caller *caller)
{
    net_event event;

    return net_poller_wait(poller, &event, 1, caller->deadline);
}

static void memory_stays_as_it_is(void **state)
{
    const size_t rounds = 1000000 / (size_t)slowness();
    struct caller sleeper;

    poller = open_poller();
    net_socket *listener = assert_socket(net_listen(template_of(state)));

    caller_start(&sleeper, call_wait, NULL, NET_FOREVER);
    taken = 0;
    for (size_t i = 0; i < rounds; i++) {
        watch(poller, listener, NET_READABLE);
        assert_count(net_poller_watch(poller, listener, 0, NULL, NET_FOREVER), 0);
    }
    in_time(taken < rounds * sizeof(struct nf_watch) / 4); /* the thread has slept all the time */
    net_poller_wake(poller);
    caller_join(&sleeper);
    assert_int_equal(sleeper.result, 0);
    net_close(listener, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "udp://127.0.0.1:0", NULL};
    static const struct test tests[] = {TEST(memory_stays_as_it_is)};

    return run_over(templates, tests);
}
