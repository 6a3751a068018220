/* If RLIMIT_NOFILE is 0 or 1, as in a sandbox, poll(2) fails, and a wait spun. */
#include "watching.h"

#include <sys/resource.h>

enum { WAIT = 400 /* ms */ };

typedef ssize_t receive_call(net_socket *socket, char *buffer, size_t size, net_deadline deadline);

static ssize_t some(net_socket *socket, char *buffer, size_t size, net_deadline deadline)
{
    return net_recv(socket, buffer, size, deadline);
}

static ssize_t line(net_socket *socket, char *buffer, size_t size, net_deadline deadline)
{
    return net_recv_until(socket, buffer, size, '\n', deadline);
}

/* The call waits until its deadline, and uses no CPU time meanwhile. */
static void expect_rest(receive_call *call, const char *address)
{
    char buffer[64];
    struct pair pair;
    struct rlimit before;

    dial_pair(address, &pair);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    double since = now_ms();
    double cpu = cpu_ms();
    ssize_t n = call(pair.server, buffer, sizeof buffer, net_after(WAIT));
    double took = elapsed_ms(since);

    cpu = cpu_ms() - cpu;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close_pair(&pair);
    print_message("%.1f ms of cpu in %.1f ms\n", cpu, took);
    assert_int_equal(n, NET_TIMEOUT);
    assert_took(took, WAIT, WAIT + 50);
    in_time(cpu < WAIT / 8.0 * slowness());
}

static void a_receive_rests(void **state)
{
    expect_rest(some, template_of(state));
}

static void a_wait_for_a_line_rests(void **state)
{
    expect_rest(line, template_of(state));
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "unix://@", "udp://127.0.0.1:0",
                                            NULL};
    static const struct test tests[] = {
        TEST(a_receive_rests),
    };
    static const struct test streams[] = {
        TEST(a_wait_for_a_line_rests),
    };
    static const char *const wires[] = {"tcp://127.0.0.1:0", "unix://@", NULL};

    return run_over(templates, tests) + run_over(wires, streams);
}
