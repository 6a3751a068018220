/* A close that failed read the name of its socket after the name was freed together with the hub or
 * the socket below a layer. */
#include "support.h"

static void a_listener_is_named(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char address[ADDRESS_MAX];

    assert_ok(net_get(listener, "local", address, sizeof address));
    assert_code(net_close(listener, 1234), NET_MISUSE);
    assert_says(address);
}

static void a_connection_is_named(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];

    dial_pair(template_of(state), &pair);
    assert_ok(net_get(pair.client, "peer", address, sizeof address));
    assert_code(net_close(pair.client, 1234), NET_MISUSE);
    pair.client = NULL;
    assert_says(address);
    close_pair(&pair);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_listener_is_named),
        TEST(a_connection_is_named),
    };

    return run_over(all_templates, tests);
}
