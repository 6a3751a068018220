/* A dial failed in an earlier call. Its sentence quoted whatever was the last but one failure of
 * the calling thread, and of several attempts it kept only the text of the last one. */
#include "support.h"

#include <string.h>

/* Two failures, because the record of a thread has two places. */
static void fail_twice(void)
{
    assert_no_socket(net_listen("tcp://127.0.0.1:0?nodelay=perhaps"), NET_ADDRESS);
    assert_no_socket(net_listen("udp://127.0.0.1:0?idle=7"), NET_ADDRESS);
}

static void assert_silent_about(const char *words)
{
    if (strstr(net_error_text(), words) != NULL) {
        print_error("\"%s\" says \"%s\"\n", net_error_text(), words);
        fail();
    }
}

static void expect_own_words(net_socket *socket, int code)
{
    char byte;

    fail_twice();
    assert_code(net_recv(socket, &byte, 1, soon()), code);
    assert_silent_about("perhaps");
    assert_silent_about("idle");
    assert_silent_about("nodelay");
}

static void a_refusal_quotes_nobody_else(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];

    (void)state;
    dial_address(listener, address);
    net_close(listener, NET_NOW);
    fail_twice();
    net_socket *call = assert_socket(net_connect(address, NET_NOW));

    expect_own_words(call, NET_REFUSED);
    assert_says("connect tcp://127.0.0.1:");
    assert_says("(127.0.0.1: refused");
    expect_own_words(call, NET_REFUSED);
    net_close(call, NET_NOW);
}

static void an_attempt_keeps_the_sentence_of_its_failure(void **state)
{
    net_socket *call;

    (void)state;
    fail_twice();
    call = assert_socket(net_connect("tcp://[::1]:9?source=127.0.0.1", NET_NOW));
    expect_own_words(call, NET_UNREACHABLE);
    assert_says("[::1]: unreachable (the source address is of the other family)");
    expect_own_words(call, NET_UNREACHABLE);
    net_close(call, NET_NOW);
}

/* Both families of localhost are tried: one attempt has a text, the other has none. */
static void each_of_several_attempts_keeps_its_own(void **state)
{
    net_socket *call;

    (void)state;
    fail_twice();
    call = assert_socket(net_connect("udp://localhost:9?source=192.0.2.1", NET_NOW));
    expect_own_words(call, NET_UNREACHABLE);
    assert_says("127.0.0.1: bad address (no interface of this system has it)");
    assert_says("[::1]: unreachable (the source address is of the other family)");
    net_close(call, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_refusal_quotes_nobody_else),
        TEST(an_attempt_keeps_the_sentence_of_its_failure),
        TEST(each_of_several_attempts_keeps_its_own),
    };

    return run_once(tests);
}
