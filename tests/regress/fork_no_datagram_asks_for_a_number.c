/* wrap: getpid */
/* Processes were told apart by getpid(2), which cost one to three calls for each datagram.
 * They are told apart by a page of memory. Only an address of systemd:// needs the number. */
#include "support.h"

#include <stdatomic.h>
#include <unistd.h>

enum { ROUNDS = 200 };

static atomic_int asked;

pid_t __real_getpid(void);
pid_t __wrap_getpid(void);
pid_t __wrap_getpid(void)
{
    asked++;
    return __real_getpid();
}

static void nobody_asks(void **state)
{
    struct pair pair;
    char word[8];
    net_event event;
    net_poller *poller;

    if (is_toy(template_of(state))) {
        skip();
    }
    poller = net_poller_open();
    asked = 0;
    dial_pair(template_of(state), &pair);
    if (is_encrypted(template_of(state))) {
        asked = 0; /* the library of a cipher may ask when it is used first */
    }
    assert_non_null(poller);
    assert_ok(net_poller_watch(poller, pair.server, NET_READABLE, NULL, NET_FOREVER));
    for (int i = 0; i < ROUNDS; i++) {
        assert_count(net_send(pair.client, "ping", 4, soon()), 4);
        assert_count(net_poller_wait(poller, &event, 1, soon()), 1);
        assert_count(net_recv(pair.server, word, sizeof word, soon()), 4);
        assert_count(net_send(pair.server, "pong", 4, soon()), 4);
        assert_count(net_recv(pair.client, word, sizeof word, soon()), 4);
    }
    close_pair(&pair);
    net_poller_close(poller);
    print_message("%d rounds: %d times\n", ROUNDS, asked);
    assert_int_equal(asked, 0);
}

int main(void)
{
    static const struct test tests[] = {TEST(nobody_asks)};

    return run_over(all_templates, tests);
}
