/* Options that were changed since a snapshot get their values back, and buffers adapt again. */
#include "os/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

static int get(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

static void set(int fd, int level, int name, int value)
{
    assert_int_equal(setsockopt(fd, level, name, &value, sizeof value), 0);
}

static void what_was_changed_is_put_back(void **state)
{
    const struct nf_rawopts raw = {.count = 1, .option = {{SOL_SOCKET, SO_RCVLOWAT, 3}}};
    struct nf_snapshot snapshot;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    (void)state;
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 77);
    set(fd, SOL_SOCKET, SO_PRIORITY, 3);
    nf_snapshot_take(&snapshot, fd, &raw, false);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 5);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_RCVLOWAT, 3);
    set(fd, IPPROTO_IP, IP_TOS, 28);
    nf_snapshot_restore(&snapshot);
    assert_int_equal(get(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    assert_int_equal(get(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(get(fd, SOL_SOCKET, SO_RCVLOWAT), 1);
    assert_int_equal(get(fd, SOL_SOCKET, SO_PRIORITY), 3);
    assert_int_equal(get(fd, IPPROTO_IP, IP_TOS), 0);
    close(fd);
}

static void a_buffer_that_was_not_set_adapts_itself_again(void **state)
{
    const struct nf_rawopts raw = {0};
    struct nf_snapshot snapshot;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int size = get(fd, SOL_SOCKET, SO_SNDBUF);
    int locks = get(fd, SOL_SOCKET, SO_BUF_LOCK); /* -1: an old system, which cannot unlock */

    (void)state;
    nf_snapshot_take(&snapshot, fd, &raw, false);
    set(fd, SOL_SOCKET, SO_SNDBUF, 50000);
    set(fd, SOL_SOCKET, SO_RCVBUF, 50000);
    nf_snapshot_restore(&snapshot);
    assert_int_equal(get(fd, SOL_SOCKET, SO_SNDBUF), size);
    assert_int_equal(get(fd, SOL_SOCKET, SO_BUF_LOCK), locks);

    /* One that was set keeps its size, and stays set. */
    set(fd, SOL_SOCKET, SO_SNDBUF, 30000);
    locks = get(fd, SOL_SOCKET, SO_BUF_LOCK);
    nf_snapshot_take(&snapshot, fd, &raw, false);
    set(fd, SOL_SOCKET, SO_SNDBUF, 50000);
    nf_snapshot_restore(&snapshot);
    assert_int_equal(get(fd, SOL_SOCKET, SO_SNDBUF), 60000);
    assert_int_equal(get(fd, SOL_SOCKET, SO_BUF_LOCK), locks);
    close(fd);
}

static struct ip_mreqn by_loopback(void)
{
    struct ip_mreqn request = {.imr_ifindex = (int)if_nametoindex("lo")};

    inet_pton(AF_INET, "239.255.77.1", &request.imr_multiaddr);
    return request;
}

/* Whether what the socket sends to a group leaves by the loopback interface: a member of the group
 * there has it at once. */
static bool prefers_loopback(int fd)
{
    struct ip_mreqn group = by_loopback();
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    int member = socket(AF_INET, SOCK_DGRAM, 0);
    char byte = 0;

    assert_int_equal(bind(member, (struct sockaddr *)&name, size), 0);
    assert_int_equal(getsockname(member, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
    name.sin_addr = group.imr_multiaddr;
    sendto(fd, "x", 1, 0, (struct sockaddr *)&name, size); /* fails where only loopback is there */
    bool is_there = recv(member, &byte, 1, MSG_DONTWAIT) == 1;

    close(member);
    return is_there;
}

/* The system tells no difference between the two. */
static void an_interface_by_its_index_is_put_back(void **state)
{
    const struct nf_rawopts raw = {0};

    (void)state;
    for (int restored = 0; restored < 2; restored++) {
        struct ip_mreqn loopback = {.imr_ifindex = by_loopback().imr_ifindex};
        struct nf_snapshot snapshot;
        int fd = socket(AF_INET, SOCK_DGRAM, 0);

        nf_snapshot_take(&snapshot, fd, &raw, true);
        assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback),
                         0);
        if (restored == 1) {
            nf_snapshot_restore(&snapshot);
        }
        assert_int_equal(prefers_loopback(fd), restored == 0);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_changed_is_put_back),
        cmocka_unit_test(an_interface_by_its_index_is_put_back),
        cmocka_unit_test(a_buffer_that_was_not_set_adapts_itself_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
