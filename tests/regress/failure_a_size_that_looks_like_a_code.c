/* A call that failed because of its size returned the code, and the size was the same number. It
 * was taken for a success, and net_error() described something else. */
#include "support.h"

static void assert_misuse(long long returned)
{
    assert_int_equal(returned, NET_MISUSE);
    assert_int_equal(net_error(), NET_MISUSE);
}

static void it_is_misuse_all_the_same(void **state)
{
    const size_t size = (size_t)NET_MISUSE;
    net_slice slices[] = {{NULL, size}, {NULL, 0}};
    net_message message = {.size = 0};
    struct pair pair;
    char byte = 0;

    dial_pair(template_of(state), &pair);
    slices[0].data = &byte;
    fail_otherwise();
    assert_misuse(net_send(pair.client, &byte, size, NET_NOW));
    fail_otherwise();
    assert_misuse(net_recv_all(pair.client, &byte, size, NET_NOW));
    fail_otherwise();
    assert_misuse(net_send_vector(pair.client, slices, COUNT(slices), NET_NOW));
    fail_otherwise();
    assert_misuse(net_send_vector(pair.client, slices, NET_MISUSE, NET_NOW));
    fail_otherwise();
    assert_misuse(net_send_messages(pair.client, &message, NET_MISUSE, NET_NOW));
    close_pair(&pair);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "udp://127.0.0.1:0", NULL};
    static const struct test tests[] = {TEST(it_is_misuse_all_the_same)};

    return run_over(templates, tests);
}
