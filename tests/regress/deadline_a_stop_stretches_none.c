/* A process is stopped during a call and continues. The call then has the rest of its deadline
 * left. It used to have all that was left when the process stopped, because ppoll(2) starts again
 * with the old timeout. */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>

enum { DEADLINE = 2000, BEFORE = 200, STOPPED = 2000 };

static void a_stop_counts(void **state)
{
    net_socket *listener = assert_socket(net_listen("udp://127.0.0.1:0"));
    double begun = now_ms();
    int status = 0;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        _exit(net_accept(listener, net_after(DEADLINE)) == NULL && net_error() == NET_TIMEOUT ? 0
                                                                                              : 1);
    }
    nap(BEFORE);
    kill(child, SIGSTOP);
    nap(STOPPED);
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_took(now_ms() - begun, DEADLINE, BEFORE + STOPPED + DEADLINE / 2);
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const struct test tests[] = {TEST(a_stop_counts)};

    return run_once(tests);
}
