/* An accept was waiting when another call admitted an address. If its thread was the reader, the
 * accept slept on: the admission woke only the sleepers. */
#include "somebody.h"

static void an_accept_that_waits_gets_the_admitted_peer(void **state)
{
    enum { WAIT = 3 };
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    struct somebody people[WAIT];
    struct caller waiting[WAIT];
    double since;

    for (int i = 0; i < WAIT; i++) {
        meet_somebody(listener, &people[i]);
        caller_start(&waiting[i], call_accept, listener, soon());
    }
    since = now_ms();
    for (int i = 0; i < WAIT; i++) {
        admit(listener, &people[i]);
    }
    for (int i = 0; i < WAIT; i++) {
        caller_join(&waiting[i]);
    }
    double took = elapsed_ms(since);

    for (int i = 0; i < WAIT; i++) {
        net_close(assert_socket(waiting[i].made), NET_NOW);
    }
    part_with(people, WAIT);
    net_close(listener, NET_NOW);
    assert_took(took, 0, 1000);
}

int main(void)
{
    const struct test tests[] = {TEST(an_accept_that_waits_gets_the_admitted_peer)};

    return run_over(kernel_datagrams, tests);
}
