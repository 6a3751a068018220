/* wrap: getaddrinfo */
/* Where a lookup lacked a descriptor, the resolver may say that it does not know the name,
 * and a dial was NET_NAME, which a server takes for good. So was the name of a service, and an
 * interface was said not to exist. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);

/* Each family's lookup opens its file at the same time as the other's. */
static atomic_int inside;

/* As the resolver of glibc: it tries a file, then a server, and returns what the last one said. A
 * lookup that could not read its file learns from the server that there is no such name. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    double since = now_ms();
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)host;
    (void)service;
    (void)hints;
    *found = NULL;
    inside++;
    while (inside % 2 != 0 && elapsed_ms(since) < 1000) {
        nap(1);
    }
    if (file >= 0) {
        close(file);
    }
    errno = EAGAIN;
    return file >= 0 ? EAI_NONAME : EAI_AGAIN;
}

/* Leaves `left` descriptors. */
static void leave(int left, struct rlimit *before)
{
    int next = dup(0);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)(next + left), .rlim_max = before->rlim_max};

    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static int code_of_a_dial(const char *address, int left)
{
    struct rlimit before;

    inside = 0; /* one look-up alone may have left it odd */
    leave(left, &before);
    net_socket *socket = net_connect(address, soon());
    int code = net_error();

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    print_message("%d descriptors: %s\n", left, net_error_text());
    assert_null(socket);
    return code;
}

/* One of them is the dial's own. */
static void a_name_that_could_not_be_looked_up_may_be_known(void **state)
{
    int wrong = 0;

    (void)state;
    for (int left = 0; left <= 3; left++) {
        wrong += code_of_a_dial("tcp://host.example:80", left) == NET_LIMIT ? 0 : 1;
    }
    print_message("%d of 4 dials were wrong\n", wrong);
    assert_int_equal(wrong, 0);
    assert_int_equal(code_of_a_dial("tcp://host.example:80", 16), NET_NAME);
}

static void so_may_a_service_and_an_interface(void **state)
{
    (void)state;
    assert_int_equal(code_of_a_dial("tcp://127.0.0.1:no-such-service", 0), NET_LIMIT);
    assert_int_equal(code_of_a_dial("tcp://127.0.0.1:no-such-service", 16), NET_NAME);
    assert_int_equal(code_of_a_dial("tcp://127.0.0.1:9?device=lo", 0), NET_LIMIT);
    assert_int_equal(code_of_a_dial("tcp://127.0.0.1:9?device=no-such", 16), NET_ADDRESS);
    assert_int_equal(code_of_a_dial("udp://[fe80::1%lo]:9", 0), NET_LIMIT);
    assert_int_equal(code_of_a_dial("udp://[fe80::1%no-such]:9", 16), NET_ADDRESS);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_name_that_could_not_be_looked_up_may_be_known),
        TEST(so_may_a_service_and_an_interface),
    };

    return run_once(tests);
}
