/* A size over SSIZE_MAX is an error in the arithmetic before the call. The calls that print took it
 * for a large buffer. */
#include "support.h"

static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2 + 1};

static void a_property_refuses_such_a_size(void **state)
{
    net_socket *listener = assert_socket(net_listen(template_of(state)));
    char text[ADDRESS_MAX] = "as it was";

    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_code(net_get(listener, "local", text, sizes[i]), NET_MISUSE);
        assert_string_equal(text, "as it was");
    }
    assert_ok(net_get(listener, "local", text, sizeof text));
    net_close(listener, NET_NOW);
}

static void an_endpoint_refuses_such_a_size(void **state)
{
    net_endpoint endpoint;
    char text[ADDRESS_MAX] = "as it was";

    (void)state;
    assert_count(net_resolve("udp://127.0.0.1:5", &endpoint, 1, NET_NOW), 1);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_code(net_endpoint_text(&endpoint, text, sizes[i]), NET_MISUSE);
        assert_string_equal(text, "as it was");
    }
    assert_count(net_endpoint_text(&endpoint, text, sizeof text), 11);
    assert_string_equal(text, "127.0.0.1:5");
}

int main(void)
{
    static const struct test everywhere[] = {TEST(a_property_refuses_such_a_size)};
    static const struct test tests[] = {TEST(an_endpoint_refuses_such_a_size)};

    return run_over(all_templates, everywhere) + run_once(tests);
}
