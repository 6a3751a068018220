/* wrap: setsockopt bind connect */
/* The option `sockopt`: what the system has and the library has no name for. */
#include "support.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Which options are set on which descriptors, in which order ---- */

enum { PRIORITY = 3, OTHER = 5 };

static _Atomic int set_before;   /* SO_PRIORITY was set on descriptors that had no address yet */
static _Atomic int bound_before; /* it was set when they got an address */
static _Atomic int unset_before; /* it was not */

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __real_bind(int fd, const struct sockaddr *addr, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t size);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t size);

static int priority_of(int fd)
{
    int value = -1;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, &size) == 0 ? value : -1;
}

static void note(int fd)
{
    atomic_fetch_add(priority_of(fd) == PRIORITY ? &bound_before : &unset_before, 1);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    if (level == SOL_SOCKET && name == SO_PRIORITY) {
        atomic_fetch_add(&set_before, 1);
    }
    return __real_setsockopt(fd, level, name, value, size);
}

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t size)
{
    note(fd);
    return __real_bind(fd, addr, size);
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t size)
{
    note(fd);
    return __real_connect(fd, addr, size);
}

static void forget(void)
{
    atomic_store(&set_before, 0);
    atomic_store(&bound_before, 0);
    atomic_store(&unset_before, 0);
}

/* ---- Where it is set ---- */

static const char *const wires[] = {
    "tcp://127.0.0.1:0", "tcp://*:0",     "udp://[::1]:0",           "udp://*:0",       "unix://@",
    "unixgram://@",      "unix://{path}", "chaos+tcp://127.0.0.1:0", "chaos+udp://*:0", NULL};

static void it_is_set_before_a_socket_has_an_address(void **state)
{
    struct pair pair;

    forget();
    dial_pair_with(template_of(state), "sockopt=SOL_SOCKET/SO_PRIORITY/3",
                   "sockopt=1/SO_DEBUG/0,1/12/3", &pair);
    assert_int_equal(priority_of(net_fd(pair.listener)), PRIORITY);
    assert_int_equal(priority_of(net_fd(pair.client)), PRIORITY);
    assert_true(atomic_load(&set_before) >= 2);
    assert_true(atomic_load(&bound_before) >= 2);
    assert_int_equal(atomic_load(&unset_before), 0);
    close_pair(&pair);
}

/* Each attempt has a descriptor of its own. */
static void every_attempt_has_it(void **state)
{
    struct pair pair;
    char address[ADDRESS_MAX];

    (void)state;
    dial_pair("tcp://127.0.0.1:0", &pair);
    snprintf(address, sizeof address, "tcp://localhost:%lld?sockopt=SOL_SOCKET/SO_PRIORITY/3",
             number_of(pair.listener, "port"));
    close_pair(&pair);
    forget();
    assert_no_socket(net_connect(address, soon()), NET_REFUSED);
    assert_true(atomic_load(&set_before) >= 2); /* 127.0.0.1 and [::1] */
    assert_true(atomic_load(&bound_before) >= 2);
    assert_int_equal(atomic_load(&unset_before), 0);
}

static void it_can_be_set_later_and_never_read(void **state)
{
    struct pair pair;
    char text[64];
    int64_t number = 0;

    dial_pair(template_of(state), &pair);
    net_socket *const ends[] = {pair.listener, pair.client, pair.server};

    for (size_t i = 0; i < COUNT(ends); i++) {
        if (net_fd(ends[i]) < 0) {
            assert_code(net_set(ends[i], "sockopt", "1/12/3"), NET_MISUSE);
        } else {
            assert_ok(net_set(ends[i], "sockopt", "SOL_SOCKET/SO_PRIORITY/3"));
            assert_int_equal(priority_of(net_fd(ends[i])), PRIORITY);
            assert_ok(net_set(ends[i], "sockopt", "1/12/4,SOL_SOCKET/12/5"));
            assert_int_equal(priority_of(net_fd(ends[i])), OTHER);
        }
        assert_code(net_get(ends[i], "sockopt", text, sizeof text), NET_MISUSE);
        assert_says("sockopt can only be set");
        assert_code(net_get_number(ends[i], "sockopt", &number), NET_MISUSE);
    }
    close_pair(&pair);
}

/* On an adopted descriptor, too. */
static void an_adopted_descriptor_gets_it(void **state)
{
    char address[ADDRESS_MAX];
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    snprintf(address, sizeof address, "fd://%d?sockopt=SOL_SOCKET/SO_PRIORITY/3", ends[0]);
    net_socket *call = assert_socket(net_connect(address, soon()));

    assert_int_equal(priority_of(net_fd(call)), PRIORITY);
    net_close(call, NET_NOW);
    close(ends[1]);
}

/* ---- What the system refuses, and what the library does ---- */

static void a_refusal_by_the_system_says_which_and_why(void **state)
{
    static const struct {
        const char *options;
        int code;
        const char *words;
    } refused[] = {
        {"IPPROTO_TCP/TCP_MAXSEG/1", NET_SYSTEM, "TCP_MAXSEG/1: Invalid argument, errno 22"},
        {"6/2/1", NET_SYSTEM, "TCP_MAXSEG/1: Invalid argument, errno 22"},
        {"1/12/3,1/9999/8", NET_UNSUPPORTED, "1/9999/8: Protocol not available, errno 92"},
        {"IPPROTO_IPV6/9999/-8", NET_UNSUPPORTED, "41/9999/-8: Protocol not available, errno 92"},
    };
    struct pair pair;
    char address[ADDRESS_MAX];

    (void)state;
    dial_pair("tcp://127.0.0.1:0", &pair);
    for (size_t i = 0; i < COUNT(refused); i++) {
        snprintf(address, sizeof address, "tcp://*:0?sockopt=%s", refused[i].options);
        assert_no_socket(net_listen(address), refused[i].code);
        assert_says(refused[i].words);
        snprintf(address, sizeof address, "tcp://localhost:9?sockopt=%s", refused[i].options);
        assert_no_socket(net_connect(address, soon()), refused[i].code);
        assert_says(refused[i].words);
        assert_says("127.0.0.1: ");
        assert_says("[::1]: ");
        assert_code(net_set(pair.client, "sockopt", refused[i].options), refused[i].code);
        assert_says(refused[i].words);
    }
    close_pair(&pair);
}

static void a_value_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *value;
        const char *words;
    } wrong[] = {
        {"", "sockopt takes LEVEL/NAME/VALUE, as in SOL_SOCKET/SO_MARK/7, not ''"},
        {"7", "LEVEL/NAME/VALUE"},
        {"1/36", "LEVEL/NAME/VALUE"},
        {"1/36/", "LEVEL/NAME/VALUE"},
        {"/36/7", "LEVEL/NAME/VALUE"},
        {"1//7", "LEVEL/NAME/VALUE"},
        {"1/36/7/", "LEVEL/NAME/VALUE"},
        {"1/36/7,", "LEVEL/NAME/VALUE"},
        {",1/36/7", "LEVEL/NAME/VALUE"},
        {"1/36/0x7", "LEVEL/NAME/VALUE"},
        {"1/36/-", "LEVEL/NAME/VALUE"},
        {"1/36/ 7", "LEVEL/NAME/VALUE"},
        {"1/36/7s", "LEVEL/NAME/VALUE"},
        {"1/36/SO_MARK", "LEVEL/NAME/VALUE"},
        {"99999999999/36/7", "LEVEL/NAME/VALUE"},
        {"1/36/2147483648", "the nearest that fits is 1/36/2147483647"},
        {"SOL_SOCKET/SO_MARK/99999999999999999999999",
         "the nearest that fits is SOL_SOCKET/SO_MARK/2147483647"},
        {"1/36/-2147483649", "the nearest that fits is 1/36/-2147483648"},
        {"SOL_SOCKT/SO_MARK/7", "no level of sockopt is called 'SOL_SOCKT'; the nearest is "
                                "'SOL_SOCKET'"},
        {"SOL_SOCKET/SO_MARC/7", "is called 'SO_MARC'; the nearest is 'SO_MARK'"},
        {"1/so_mark/7", "the nearest is 'SO_MARK'"},
        {"IPPROTO_IP/IP_TRANSPRENT/1", "the nearest is 'IP_TRANSPARENT'"},
        {"SOL_TCP/SO_MARK/7", "no socket option of that level is called 'SO_MARK'"},
        {"77/SO_MARK/7", "no socket option of that level is called 'SO_MARK'"},
        {"1/2/1,1/2/1,1/2/1,1/2/1,1/2/1,1/2/1,1/2/1,1/2/1,1/2/1", "at most 8 options"},
    };
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    char address[ADDRESS_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(address, sizeof address, "tcp://127.0.0.1:0?sockopt=%s", wrong[i].value);
        assert_no_socket(net_listen(address), NET_ADDRESS);
        assert_says(wrong[i].words);
        assert_code(net_set(listener, "sockopt", wrong[i].value), NET_ADDRESS);
        assert_says(wrong[i].words);
    }
    assert_no_socket(net_listen("mem://?sockopt=1/12/3"), NET_ADDRESS);
    net_close(listener, NET_NOW);
}

int main(void)
{
    const struct test everywhere[] = {TEST(it_is_set_before_a_socket_has_an_address),
                                      TEST(it_can_be_set_later_and_never_read)};
    const struct test once[] = {TEST(every_attempt_has_it), TEST(an_adopted_descriptor_gets_it),
                                TEST(a_refusal_by_the_system_says_which_and_why),
                                TEST(a_value_that_is_none_is_refused)};

    return run_over(wires, everywhere) + run_once(once);
}
