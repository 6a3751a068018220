/* wrap: recvmmsg */
/* One call reads a listener's descriptor for all its sockets. While the system did not let that
 * thread run, because others had a higher priority, a poller of another socket spun: the descriptor
 * was readable and nobody read it. */
#include "watching.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

enum { KEPT = 150 /* ms */, ROUNDS = 20, SOME = 50 /* ms */ };

/* The reader is kept from running after recvmmsg(2). */
static _Thread_local bool is_reader;
static _Atomic bool keeps_after_read;

int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    int n = __real_recvmmsg(fd, messages, count, flags, timeout);

    if (is_reader && n > 0 && atomic_exchange(&keeps_after_read, false)) {
        nap(KEPT);
    }
    return n;
}

static long long call_as_reader(struct caller *caller)
{
    is_reader = true;
    return call_recv(caller);
}

/* A reader waits for its peer, and a poller watches another. */
struct two {
    struct pair read;
    net_socket *client;
    net_socket *server;
    net_poller *poller;
    struct caller caller;
};

static void set_up(struct two *two, const char *address, caller_call *call)
{
    *two = (struct two){0};
    dial_pair(address, &two->read);
    dial_again(two->read.listener, &two->client, &two->server);
    two->poller = open_poller();
    watch(two->poller, two->server, NET_READABLE);
    caller_start(&two->caller, call, two->read.server, soon());
}

static void take_down(struct two *two)
{
    say(two->read.client, "end");
    caller_join(&two->caller);
    assert_true(two->caller.result > 0);
    net_poller_close(two->poller);
    net_close(two->client, NET_NOW);
    net_close(two->server, NET_NOW);
    close_pair(&two->read);
}

/* Send to the watched socket and wait for the event. Returns how many ms that took; `cpu` is the
 * processor time of it. */
static double one_event(struct two *two, double *cpu)
{
    char word[8];
    double since = now_ms();
    double used = thread_cpu_ms();

    say(two->client, "x");
    expect_event(two->poller, two->server, NET_READABLE);
    double took = elapsed_ms(since);

    *cpu += thread_cpu_ms() - used;
    assert_count(net_recv(two->server, word, sizeof word, NET_NOW), 1);
    return took;
}

static void a_poller_sleeps_while_another_reads(void **state)
{
    struct two two;
    double cpu = 0;

    set_up(&two, template_of(state), call_as_reader);
    keeps_after_read = true;
    say(two.read.client, "first");
    double since = now_ms();

    while (keeps_after_read && elapsed_ms(since) < 20000.0 * slowness()) {
        sched_yield();
    }
    assert_false(keeps_after_read);
    double took = one_event(&two, &cpu);

    print_message("the reader reads: event after %.1f ms, CPU %.1f ms\n", took, cpu);
    in_time(took < 4 * KEPT * slowness() && cpu < KEPT / 4.0 * slowness());
    take_down(&two);
}

/* ---- Real priorities ---- */

static _Atomic bool stops;

static void *compute(void *nothing)
{
    while (!stops) {
    }
    return nothing;
}

static bool take_priority(int policy, int priority)
{
    struct sched_param param = {.sched_priority = priority};

    return pthread_setschedparam(pthread_self(), policy, &param) == 0;
}

static long long call_idle(struct caller *caller)
{
    return take_priority(SCHED_IDLE, 0) ? call_recv(caller) : -1;
}

static bool stay_on_one_processor(cpu_set_t *before)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    return pthread_getaffinity_np(pthread_self(), sizeof *before, before) == 0 &&
           pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
}

/* The reader has SCHED_IDLE and shares a processor with the poller and a thread that computes. */
static void an_idle_reader_holds_up_no_poller(void **state)
{
    struct two two;
    pthread_t computing;
    cpu_set_t before;
    double cpu = 0;
    double slowest = 0;
    double since = 0;

    if (!stay_on_one_processor(&before)) {
        print_message("skipped: no thread may choose its processor here\n");
        skip();
    }
    set_up(&two, template_of(state), call_idle);
    stops = false;
    assert_int_equal(pthread_create(&computing, NULL, compute, NULL), 0);
    since = now_ms();
    for (int i = 0; i < ROUNDS; i++) {
        double took = one_event(&two, &cpu);

        slowest = took > slowest ? took : slowest;
    }
    double all = elapsed_ms(since);

    stops = true;
    pthread_join(computing, NULL);
    print_message("beside an idle reader: slowest event %.1f ms, CPU %.1f of %.1f ms\n", slowest,
                  cpu, all);
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    in_time(slowest < SOME * slowness() && cpu < ROUNDS * slowness());
    take_down(&two);
}

/* The poller has SCHED_FIFO, and the reader no chance to run on the same processor while the poller
 * does not sleep. */
static void a_poller_of_real_time_does_not_spin(void **state)
{
    struct two two;
    cpu_set_t before;
    double cpu = 0;
    double slowest = 0;

    if (!stay_on_one_processor(&before)) {
        print_message("skipped: no thread may choose its processor here\n");
        skip();
    }
    set_up(&two, template_of(state), call_recv);
    if (!take_priority(SCHED_FIFO, 1)) {
        print_message("skipped: the system allows no SCHED_FIFO here\n");
    } else {
        for (int i = 0; i < ROUNDS; i++) {
            double took = one_event(&two, &cpu);

            slowest = took > slowest ? took : slowest;
        }
        take_priority(SCHED_OTHER, 0);
        print_message("poller of real time: slowest event %.1f ms, CPU %.1f ms\n", slowest, cpu);
        in_time(slowest < SOME * slowness() && cpu < ROUNDS * slowness());
    }
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    take_down(&two);
}

int main(void)
{
    static const char *const templates[] = {"udp://127.0.0.1:0", "unixgram://@", NULL};
    static const struct test tests[] = {
        TEST(a_poller_sleeps_while_another_reads),
        TEST(an_idle_reader_holds_up_no_poller),
        TEST(a_poller_of_real_time_does_not_spin),
    };

    return run_over(templates, tests);
}
