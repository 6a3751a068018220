/* Options that were changed since a snapshot get their values back, and buffers adapt again. */
#include "os/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_changed_is_put_back),
        cmocka_unit_test(a_buffer_that_was_not_set_adapts_itself_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
