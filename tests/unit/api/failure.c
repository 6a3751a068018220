/* What the caller learns of a failure: a code, and a sentence that is composed when it is asked
 * for. */
#include "support.h"

#include <stdio.h>
#include <string.h>

static void *look(void *argument)
{
    int *result = argument;

    *result = net_error() == 0 && net_error_text() != NULL && *net_error_text() != '\0' ? 0 : 1;
    return NULL;
}

static void a_fresh_thread_has_failed_at_nothing(void **state)
{
    pthread_t thread;
    int result = 2;

    (void)state;
    assert_null(net_listen("nonsense"));
    assert_int_equal(pthread_create(&thread, NULL, look, &result), 0);
    pthread_join(thread, NULL);
    assert_int_equal(result, 0);
    assert_int_equal(net_error(), NET_ADDRESS);
}

static void a_success_leaves_the_last_failure_as_it_was(void **state)
{
    char before[512];

    (void)state;
    assert_no_socket(net_listen("tcp://127.1:0"), NET_ADDRESS);
    snprintf(before, sizeof before, "%s", net_error_text());
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char text[64];

    assert_ok(net_get(listener, "port", text, sizeof text));
    net_close(listener, NET_NOW);
    assert_int_equal(net_error(), NET_ADDRESS);
    assert_string_equal(net_error_text(), before);
    assert_ptr_equal(net_error_text(), net_error_text());
}

static void assert_sentence(const char *expected)
{
    assert_string_equal(net_error_text(), expected);
    assert_string_equal(net_error_text(), expected);
}

static void a_sentence_names_operation_address_and_cause(void **state)
{
    net_socket *listener = assert_socket(net_listen("tcp://127.0.0.1:0"));
    char address[ADDRESS_MAX];
    char expected[512];
    char byte;

    (void)state;
    dial_address(listener, address);
    assert_no_socket(net_listen(address), NET_INUSE);
    snprintf(expected, sizeof expected, "listen %s: in use (Address already in use, errno 98)",
             address);
    assert_sentence(expected);
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    snprintf(expected, sizeof expected, "accept %s: timed out", address);
    assert_sentence(expected);
    net_socket *call = assert_socket(net_connect(address, soon()));

    assert_code(net_recv(call, &byte, 1, NET_NOW), NET_TIMEOUT);
    snprintf(expected, sizeof expected, "recv %s: timed out", address);
    assert_sentence(expected);
    assert_code(net_send(call, &byte, 1, 5000), NET_MISUSE);
    assert_says("send tcp://");
    assert_says("5000");
    assert_code(net_get(call, "color", expected, sizeof expected), NET_ADDRESS);
    assert_says("get tcp://");
    assert_says("color");
    net_close(call, NET_NOW);
    net_close(listener, NET_NOW);
    assert_no_socket(net_connect("tpc://a:1", soon()), NET_ADDRESS);
    assert_says("connect tpc://a:1: bad address (");
    assert_says("'tcp'");
}

/* The sentence belongs to the failure, not to the socket, which may be closed. */
static void a_sentence_outlives_its_socket(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    char address[ADDRESS_MAX];
    char expected[ADDRESS_MAX + 32];

    (void)state;
    dial_address(listener, address);
    assert_no_socket(net_accept(listener, NET_NOW), NET_TIMEOUT);
    net_close(listener, NET_NOW);
    snprintf(expected, sizeof expected, "accept %s: timed out", address);
    assert_sentence(expected);
}

static void a_long_address_is_visibly_cut(void **state)
{
    char address[4000] = "tcp://";

    (void)state;
    memset(address + 6, 'a', sizeof address - 7);
    address[sizeof address - 1] = '\0';
    assert_no_socket(net_listen(address), NET_ADDRESS);
    assert_memory_equal(net_error_text(), "listen tcp://aaaa", 17);
    assert_says("aaa...: bad address (");
    assert_true(strlen(net_error_text()) < 600);
}

static void what_a_sentence_quotes_cannot_mislead(void **state)
{
    (void)state;
    assert_no_socket(net_listen("tcp://\x1b[2J\r\n\\\xe2\x80\xae\xff:1"), NET_ADDRESS);
    assert_sentence(
        "listen tcp://\\x1b[2J\\x0d\\x0a\\\\\\xe2\\x80\\xae\\xff:1: bad address (a host name "
        "has letters, digits, '-' and '.' only)");
    assert_no_socket(net_listen("tcp://caf\xc3\xa9:1"), NET_ADDRESS);
    assert_says("listen tcp://caf\xc3\xa9:1: bad");
    assert_no_socket(net_listen("tcp://[fe80::1%e\x1b]:1"), NET_ADDRESS);
    assert_says("the zone after '%' is no interface name");
}

static void misuse_has_a_sentence_too(void **state)
{
    char byte;

    (void)state;
    assert_code(net_recv(NULL, &byte, 1, NET_NOW), NET_MISUSE);
    assert_says("recv: misuse (");
    assert_no_socket(net_listen(NULL), NET_MISUSE);
    assert_says("listen: misuse (");
    assert_no_socket(net_connect(NULL, NET_NOW), NET_MISUSE);
    assert_code(net_fd(NULL), NET_MISUSE);
    assert_int_equal(net_close(NULL, NET_NOW), 0);
    net_cancel(NULL);
}

static void every_code_has_a_few_words(void **state)
{
    (void)state;
    for (int code = -1000; code <= 1000; code++) {
        assert_non_null(net_strerror(code));
        assert_string_not_equal(net_strerror(code), "");
    }
    assert_string_equal(net_strerror(NET_REFUSED), "refused");
    assert_string_equal(net_version(), "0.1.0");
}

int main(void)
{
    const struct test tests[] = {
        TEST(a_fresh_thread_has_failed_at_nothing),
        TEST(a_success_leaves_the_last_failure_as_it_was),
        TEST(a_sentence_names_operation_address_and_cause),
        TEST(a_sentence_outlives_its_socket),
        TEST(a_long_address_is_visibly_cut),
        TEST(what_a_sentence_quotes_cannot_mislead),
        TEST(misuse_has_a_sentence_too),
        TEST(every_code_has_a_few_words),
    };

    return run_once(tests);
}
