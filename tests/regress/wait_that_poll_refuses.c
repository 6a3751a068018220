/* If RLIMIT_NOFILE is 0 or 1, as in a sandbox, poll(2) fails, and a wait spun. */
#include "watching.h"

#include <stdlib.h>
#include <sys/resource.h>

enum { WAIT = 300, OVERSHOOT = 50 /* ms */ };

/* What waits, and what it waits on. */
struct scene {
    struct pair pair;
    char *much;
};

enum { MUCH = 32 * 1024 * 1024 };

typedef long long wait_call(struct scene *scene, net_deadline deadline);

static long long receive(struct scene *scene, net_deadline deadline)
{
    char buffer[64];

    return net_recv(scene->pair.server, buffer, sizeof buffer, deadline);
}

static long long receive_line(struct scene *scene, net_deadline deadline)
{
    char buffer[64];

    return net_recv_until(scene->pair.server, buffer, sizeof buffer, '\n', deadline);
}

static long long accept_one(struct scene *scene, net_deadline deadline)
{
    net_socket *accepted = net_accept(scene->pair.listener, deadline);

    net_close(accepted, NET_NOW);
    return accepted != NULL ? 0 : net_error();
}

static long long send_much(struct scene *scene, net_deadline deadline)
{
    return net_send(scene->pair.client, scene->much, MUCH, deadline);
}

static long long finish(struct scene *scene, net_deadline deadline)
{
    net_socket *client = scene->pair.client;

    scene->pair.client = NULL;
    return net_close(client, deadline);
}

/* The call waits until its deadline, and uses no CPU time meanwhile. */
static void expect_rest(wait_call *call, const char *name, struct scene *scene)
{
    struct rlimit before;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    double since = now_ms();
    double cpu = thread_cpu_ms();
    long long code = call(scene, net_after(WAIT));
    double took = elapsed_ms(since);

    cpu = thread_cpu_ms() - cpu;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    print_message("%s: %.1f ms beyond its deadline, %.1f %% of a processor\n", name, took - WAIT,
                  100 * cpu / took);
    assert_int_equal(code, NET_TIMEOUT);
    in_time(took >= WAIT && took < WAIT + OVERSHOOT * slowness());
    in_time(cpu < took / 20 * slowness());
}

static const struct {
    const char *name;
    wait_call *call;
    bool of_streams;
    bool of_datagrams;
} calls[] = {
    {"recv", receive, true, true},       {"recv_until", receive_line, true, false},
    {"send", send_much, true, false},    {"close", finish, true, false},
    {"accept", accept_one, false, true}, /* of a stream: NET_LIMIT */
};

static void waits_rest(void **state)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct scene scene = {.much = calloc(1, MUCH)};

        if (is_stream(template_of(state)) ? !calls[i].of_streams : !calls[i].of_datagrams) {
            free(scene.much);
            continue;
        }
        dial_pair(template_of(state), &scene.pair);
        if (calls[i].call == send_much) {
            fill(scene.pair.client);
        }
        expect_rest(calls[i].call, calls[i].name, &scene);
        close_pair(&scene.pair);
        free(scene.much);
    }
}

/* The dial has its descriptors before the limit is lowered. */
static void a_dial_rests(void **state)
{
    struct black_hole hole;
    char byte;

    (void)state;
    open_black_hole("127.0.0.1", 0, &hole);
    struct scene scene = {.pair.server = assert_socket(net_connect(hole.address, NET_NOW))};

    expect_rest(receive, "recv on a dialing socket", &scene);
    assert_code(net_recv(scene.pair.server, &byte, 1, NET_NOW), NET_TIMEOUT);
    net_close(scene.pair.server, NET_NOW);
    close_black_hole(&hole);
}

int main(void)
{
    static const char *const templates[] = {"tcp://127.0.0.1:0", "unix://@", "udp://127.0.0.1:0",
                                            "unixgram://@", NULL};
    static const struct test tests[] = {TEST(waits_rest)};
    static const struct test once[] = {TEST(a_dial_rests)};

    return run_over(templates, tests) + run_once(once);
}
