/* wrap: connect close */
/* A descriptor that a dial had closed left the epoll set only if no other process had it open. A
 * child that was forked meanwhile had it open. So a failed attempt stayed in the set with a
 * hang-up, and the poller spun until the dial was decided. */
#include "watching.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int attempt = -1; /* the attempt over IPv4, while it is open */

int __real_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t size)
{
    attempt = name->sa_family == AF_INET ? fd : attempt;
    return __real_connect(fd, name, size);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    attempt = fd == attempt ? -1 : attempt;
    return __real_close(fd);
}

static pid_t fork_heir(int doomed)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        alarm(60u * (unsigned)slowness());
        close(doomed);
        pause();
        _exit(0);
    }
    return child;
}

static void wait_for_attempt(net_poller *poller, bool open)
{
    double since = now_ms();
    net_event event;

    while ((attempt >= 0) != open && elapsed_ms(since) < 20000.0 * slowness()) {
        assert_code(net_poller_wait(poller, &event, 1, net_after(20)), NET_TIMEOUT);
    }
    assert_true((attempt >= 0) == open);
}

static void an_attempt_that_failed_is_watched_no_more(void **state)
{
    struct black_hole hole[2];
    char address[ADDRESS_MAX];
    net_poller *poller = open_poller();

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole[0]);
    const char *port = strrchr(hole[0].address, ':') + 1;

    open_black_hole("::1", (int)strtol(port, NULL, 10), &hole[1]);
    snprintf(address, sizeof address, "tcp://localhost:%s", port);
    attempt = -1;
    net_socket *dial = assert_socket(net_connect(address, NET_NOW));

    watch(poller, dial, NET_WRITABLE);
    wait_for_attempt(poller, true);
    expect_quiet(poller, 1); /* it has looked at both */
    pid_t heir = fork_heir(hole[0].listener);

    close_black_hole(&hole[0]);
    wait_for_attempt(poller, false);
    expect_quiet(poller, 500);
    kill(heir, SIGKILL);
    waitpid(heir, NULL, 0);
    net_close(dial, NET_NOW);
    net_poller_close(poller);
    close_black_hole(&hole[1]);
}

int main(void)
{
    static const struct test tests[] = {TEST(an_attempt_that_failed_is_watched_no_more)};

    return run_once(tests);
}
