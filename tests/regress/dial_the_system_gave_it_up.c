/* wrap: connect getsockopt */
/* If nobody answered the attempts of a dial, the system gave it up, and the dial returned
 * NET_TIMEOUT. The same code means that a dial is still in progress. So a poller never reported its
 * end. */
#include "watching.h"

#include <errno.h>
#include <sys/socket.h>

static bool refuses_nobody;

/* The system takes two minutes for this. Here it does so where it would report that nobody
 * listens. */
int __real_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size)
{
    int result = __real_connect(fd, name, size);

    if (result != 0 && errno == ECONNREFUSED && refuses_nobody) {
        errno = ETIMEDOUT;
    }
    return result;
}

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
    int result = __real_getsockopt(fd, level, name, value, size);
    int *error = value;

    if (result == 0 && level == SOL_SOCKET && name == SO_ERROR && *error == ECONNREFUSED &&
        refuses_nobody) {
        *error = ETIMEDOUT;
    }
    return result;
}

static void find_nobody(const char *template, char address[ADDRESS_MAX])
{
    net_socket *listener = assert_socket(net_listen(template));

    dial_address(listener, address);
    net_close(listener, NET_NOW);
}

static void it_is_unreachable(void **state)
{
    char address[ADDRESS_MAX];

    find_nobody(template_of(state), address);
    refuses_nobody = true;
    net_socket *dial = net_connect(address, soon());

    refuses_nobody = false;
    assert_no_socket(dial, NET_UNREACHABLE);
}

static void its_end_is_told_by_the_poller(void **state)
{
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();

    find_nobody(template_of(state), address);
    refuses_nobody = true;
    net_socket *dial = assert_socket(net_connect(address, NET_NOW));

    watch(poller, dial, NET_WRITABLE);
    expect_event(poller, dial, NET_WRITABLE);
    refuses_nobody = false;
    assert_code(net_send(dial, "x", 1, NET_NOW), NET_UNREACHABLE);
    net_close(dial, NET_NOW);
    net_poller_close(poller);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(it_is_unreachable),
        TEST(its_end_is_told_by_the_poller),
    };

    return run_over(tcp_templates, tests);
}
