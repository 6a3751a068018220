/* A child in another pid namespace may have the process number of its parent, and was taken for the
 * parent. It removed the parent's socket file and took its poller. Its accept spun, because the
 * parent's wake seemed to be its own. (The first process of a pid namespace has number 1. So a
 * child and its own child in a nested namespace both have that number.) */
#include "support.h"
#include "watching.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77, PATIENCE = 150 /* ms, more where programs run slowly */ };

/* What the parent has and its child inherits. */
struct family {
    net_socket *listener;
    net_socket *watched;
    net_poller *poller;
    char path[ADDRESS_MAX];
};

/* ---- The child ---- */

/* The accept must wait, and must not ask again and again whether a caller has come. A machine that
 * stalls may count the stall as work, but not each time. */
static bool waits_in_accept(net_socket *listener)
{
    enum { TIMES = 5 };
    bool times_out = true;
    bool stays_idle = false;

    for (int i = 0; i < TIMES && times_out && !stays_idle; i++) {
        double start = cpu_ms();

        times_out = net_accept(listener, net_after(PATIENCE)) == NULL && net_error() == NET_TIMEOUT;
        stays_idle = cpu_ms() - start < PATIENCE / 2.0;
    }
    return times_out && stays_idle;
}

static int live_as_child(struct family *family)
{
    net_event event;

    if (net_poller_watch(family->poller, family->watched, NET_READABLE, NULL, NET_FOREVER) !=
        NET_MISUSE) {
        return 10;
    }
    if (net_poller_watch(family->poller, family->watched, 0, NULL, NET_FOREVER) != NET_MISUSE ||
        net_poller_fd(family->poller) != NET_MISUSE ||
        net_poller_wait(family->poller, &event, 1, net_after(20)) != NET_MISUSE) {
        return 11;
    }
    if (!waits_in_accept(family->listener)) {
        return 12;
    }
    if (net_release(family->watched) != NET_MISUSE) {
        return 13;
    }
    if (net_close(family->watched, NET_NOW) != 0 || net_close(family->listener, NET_NOW) != 0) {
        return 14;
    }
    net_poller_close(family->poller);
    return access(family->path, F_OK) == 0 ? 0 : 15;
}

/* ---- The parent ---- */

static int status_of(pid_t child)
{
    int status = 0;

    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return 20;
    }
    return WEXITSTATUS(status);
}

/* The parent's file and poller work as before. */
static int go_on(struct family *family, const char *address)
{
    net_event event;
    char byte;
    net_socket *client = net_connect(address, soon());
    net_socket *server = client != NULL ? net_accept(family->listener, soon()) : NULL;

    if (server == NULL || net_send(client, "x", 1, soon()) != 1 ||
        net_recv(server, &byte, 1, soon()) != 1) {
        return 30;
    }
    net_close(server, NET_NOW);
    net_close(client, NET_NOW);
    client = net_connect(address, soon());
    if (net_poller_wait(family->poller, &event, 1, soon()) != 1 ||
        event.socket != family->listener) {
        return 31;
    }
    net_close(client, NET_NOW);
    return 0;
}

static int listen_there(struct family *family, const char *address)
{
    strncpy(family->path, address + strlen("unix://"), sizeof family->path - 1);
    family->listener = net_listen(address);
    family->watched = family->listener != NULL ? net_connect(address, soon()) : NULL;
    net_socket *peer = family->watched != NULL ? net_accept(family->listener, soon()) : NULL;

    family->poller = net_poller_open();
    if (peer == NULL || family->poller == NULL ||
        net_poller_watch(family->poller, family->watched, NET_READABLE, NULL, NET_FOREVER) != 0) {
        return 40;
    }
    if (net_poller_watch(family->poller, family->listener, NET_READABLE, NULL, NET_FOREVER) != 0) {
        return 41;
    }
    return 0;
}

/* A process with number 1 in a namespace of its own. */
static int live_as_parent(void *argument)
{
    struct family family = {0};
    int code = listen_there(&family, argument);

    if (code != 0 || unshare(CLONE_NEWPID) != 0) {
        return code != 0 ? code : SKIPPED;
    }
    pid_t own = getpid();
    pid_t child = fork();

    if (child == 0) {
        _exit(getpid() == own ? live_as_child(&family) : 50);
    }
    code = status_of(child);
    if (code == 0) {
        code = go_on(&family, argument);
    }
    net_close(family.watched, NET_NOW);
    net_close(family.listener, NET_NOW);
    net_poller_close(family.poller);
    return code == 0 && access(family.path, F_OK) == 0 ? 60 : code;
}

static int live_in_a_namespace(void *argument)
{
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
        return SKIPPED;
    }
    pid_t child = fork();

    if (child == 0) {
        alarm(60);
        _exit(getpid() == 1 ? live_as_parent(argument) : 70);
    }
    return status_of(child);
}

static void it_is_another_all_the_same(void **state)
{
    char address[ADDRESS_MAX];

    strncpy(address, template_of(state), sizeof address - 1);
    address[sizeof address - 1] = '\0';
    int code = in_child(live_in_a_namespace, address);

    if (code == SKIPPED) {
        printf("skipped: no pid namespaces here\n");
        skip();
    }
    assert_int_equal(code, 0);
}

int main(void)
{
    static const char *const templates[] = {"unix://{path}", NULL};
    static const struct test tests[] = {TEST(it_is_another_all_the_same)};

    return run_over(templates, tests);
}
