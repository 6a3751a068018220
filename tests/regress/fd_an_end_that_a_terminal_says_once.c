/* A terminal reports its end once. If that end completed a last line without a delimiter, the line
 * was returned first, and no poller reported the end after it. */
#include "watching.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char in[64];

static net_socket *adopt(int fd)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "fd://%d", fd);
    return assert_socket(net_connect(address, NET_NOW));
}

static int open_terminal(int *master)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY);
    if (*master < 0 || grantpt(*master) != 0 || unlockpt(*master) != 0) {
        return -1;
    }
    return open(ptsname(*master), O_RDWR | O_NOCTTY);
}

static void the_end_of_a_terminal_comes_after_its_last_line(void **state)
{
    const char end[] = {4}; /* ^D */
    int master;
    int terminal = open_terminal(&master);

    (void)state;
    if (terminal < 0) {
        close(master);
        skip();
    }
    net_socket *socket = adopt(terminal);
    net_poller *poller = open_poller();

    watch(poller, socket, NET_READABLE);
    assert_int_equal(write(master, "abc\4", 4), 4);
    expect_event(poller, socket, NET_READABLE);
    assert_code(net_recv_until(socket, in, sizeof in, '\n', NET_NOW), NET_TIMEOUT);
    expect_quiet(poller, 20);
    assert_int_equal(write(master, end, sizeof end), sizeof end);
    expect_event(poller, socket, NET_READABLE);
    assert_count(net_recv_until(socket, in, sizeof in, '\n', NET_NOW), 3);
    expect_event(poller, socket, NET_READABLE);
    assert_code(net_recv_until(socket, in, sizeof in, '\n', NET_NOW), NET_EOF);
    expect_event(poller, socket, NET_READABLE);
    net_poller_close(poller);
    net_close(socket, NET_NOW);
    close(master);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_end_of_a_terminal_comes_after_its_last_line),
    };

    return run_once(tests);
}
