/* The sentence of a lost dial over unix said everything twice, "refused (/path: refused
 * (...))". The sentence of an unknown congestion control was cut in a dial. */
#include "support.h"

#include <stdio.h>
#include <string.h>

static void a_name_is_said_once(void **state)
{
    static const char *const addresses[] = {"unix:///nowhere/at/all", "unix://@nobody",
                                            "unixgram:///nowhere/at/all", "unixgram://@nobody"};
    char byte;

    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        const char *name = strstr(addresses[i], "//") + 2;

        assert_no_socket(net_connect(addresses[i], soon()), NET_REFUSED);
        print_message("%s\n", net_error_text());
        assert_int_equal(times_in(net_error_text(), "refused ("), 1);
        assert_int_equal(times_in(net_error_text(), name), 1);
        assert_says("errno");
        net_socket *dialing = net_connect(addresses[i], NET_NOW);

        assert_code(net_recv(assert_socket(dialing), &byte, 1, soon()), NET_REFUSED);
        assert_int_equal(times_in(net_error_text(), name), 1);
        net_close(dialing, NET_NOW);
    }
}

static void a_long_reason_is_said_whole(void **state)
{
    (void)state;
    assert_no_socket(net_connect("tcp://127.0.0.1:9?congestion=nosuchcontrol", soon()),
                     NET_ADDRESS);
    print_message("%s\n", net_error_text());
    assert_says("'nosuchcontrol'");
    assert_says("lists those it has");
    assert_no_socket(net_connect("tcp://127.0.0.1:9?sockopt=SOL_SOCKET/SO_MARK/7,1/9999/1", soon()),
                     NET_UNSUPPORTED);
    print_message("%s\n", net_error_text());
    assert_says("1/9999/1: ");
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_name_is_said_once),
        TEST(a_long_reason_is_said_whole),
    };

    return run_once(tests);
}
