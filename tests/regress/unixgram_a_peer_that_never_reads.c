/* What a peer has not received is charged to the one descriptor that a listener and all its
 * peers send with. One peer that never received used up that buffer: sends to all others timed out,
 * and a poller never reported them as writable. */
#include "raw_unix.h"
#include "watching.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum {
    GOOD = 50,
    FIRST = 400,     /* questions of the bad peer before the others ask */
    ANSWERS = 10,    /* that each good peer wants */
    IN_TIME = 400,   /* ms, the longest that an answer may take; most take less than 1 */
    PATIENCE = 4000, /* ms until the test gives up */
    LONGEST = 8192
};

/* The peers: raw sockets that are connected to the listener, as everybody else's are. */
struct peers {
    pthread_t thread;
    int fd[GOOD];
    bool asked[GOOD]; /* its question is on its way */
    double asked_at[GOOD];
    int answers[GOOD];
    double slowest;
    _Atomic int left; /* good peers that still want answers */
    _Atomic bool stop;
    int bad;
    size_t size;
};

static int dial(const char *address)
{
    struct sockaddr_un name;
    socklen_t size = raw_unix_name(address, &name);
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any.sun_family), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, size), 0);
    return fd;
}

/* The system may have no room for the question: then ask again later. */
static void ask(struct peers *peers, int i)
{
    peers->asked_at[i] = now_ms();
    peers->asked[i] = send(peers->fd[i], &i, sizeof i, 0) == sizeof i;
}

static void take_answer(struct peers *peers, int i)
{
    char answer[LONGEST];

    if (recv(peers->fd[i], answer, sizeof answer, 0) < 0) {
        return;
    }
    double took = elapsed_ms(peers->asked_at[i]);

    peers->slowest = took > peers->slowest ? took : peers->slowest;
    if (++peers->answers[i] < ANSWERS) {
        ask(peers, i);
    } else {
        peers->left--;
    }
}

/* Each good peer asks, waits for its answer and asks again. The bad one asks and never receives. */
static void *play(void *argument)
{
    struct peers *peers = argument;
    struct pollfd set[GOOD];

    for (int i = 0; i < FIRST && !peers->stop; i++) {
        struct pollfd room = {.fd = peers->bad, .events = POLLOUT};

        poll(&room, 1, 5);
        send(peers->bad, "more", 4, MSG_DONTWAIT);
    }
    for (int i = 0; i < GOOD; i++) {
        set[i] = (struct pollfd){.fd = peers->fd[i], .events = POLLIN};
        ask(peers, i);
    }
    while (!peers->stop && peers->left > 0) {
        for (int i = 0; i < 4; i++) {
            send(peers->bad, "more", 4, MSG_DONTWAIT);
        }
        poll(set, GOOD, 1);
        for (int i = 0; i < GOOD; i++) {
            if (set[i].revents != 0) {
                take_answer(peers, i);
            } else if (!peers->asked[i]) {
                ask(peers, i);
            }
        }
    }
    return NULL;
}

static void peers_start(struct peers *peers, const char *address, size_t size)
{
    memset(peers, 0, sizeof *peers);
    peers->size = size;
    peers->left = GOOD;
    peers->bad = dial(address);
    for (int i = 0; i < GOOD; i++) {
        peers->fd[i] = dial(address);
    }
    assert_int_equal(pthread_create(&peers->thread, NULL, play, peers), 0);
}

static void peers_end(struct peers *peers)
{
    peers->stop = true;
    pthread_join(peers->thread, NULL);
    close(peers->bad);
    for (int i = 0; i < GOOD; i++) {
        close(peers->fd[i]);
    }
}

/* A server with one poller. What it cannot send at once it sends when the poller says so. */
struct server {
    net_socket *listener;
    net_poller *poller;
    net_socket *sockets[GOOD + 1];
    int count;
    int refused;
    size_t size; /* of an answer */
};

static void serve_one(struct server *server, net_event *event)
{
    static const char answer[LONGEST];
    char question[64];

    if ((event->ready & NET_WRITABLE) == 0 &&
        net_recv(event->socket, question, sizeof question, NET_NOW) < 0) {
        return;
    }
    bool is_out = net_send(event->socket, answer, server->size, NET_NOW) >= 0;

    server->refused += is_out ? 0 : 1;
    watch(server->poller, event->socket, is_out ? NET_READABLE : NET_WRITABLE);
}

static void serve(struct server *server)
{
    net_event events[16];
    int n = net_poller_wait(server->poller, events, COUNT(events), net_after(20));

    for (int i = 0; i < n; i++) {
        if (events[i].socket != server->listener) {
            serve_one(server, &events[i]);
            continue;
        }
        net_socket *accepted = net_accept(server->listener, NET_NOW);

        if (accepted != NULL) {
            server->sockets[server->count++] = accepted;
            watch(server->poller, accepted, NET_READABLE);
        }
    }
}

static void end_server(struct server *server)
{
    for (int i = 0; i < server->count; i++) {
        net_close(server->sockets[i], NET_NOW);
    }
    net_close(server->listener, NET_NOW);
    net_poller_close(server->poller);
}

static void answer_all(const char *template, size_t size)
{
    struct server server = {.size = size};
    struct peers peers;
    char address[ADDRESS_MAX];
    double since = now_ms();
    double used = thread_cpu_ms();

    if (!holds_many(template)) {
        skip();
    }
    server.listener = assert_socket(net_listen(template));
    server.poller = open_poller();
    watch(server.poller, server.listener, NET_READABLE);
    dial_address(server.listener, address);
    peers_start(&peers, address, size);
    while (peers.left > 0 && elapsed_ms(since) < PATIENCE * slowness()) {
        serve(&server);
    }
    double all = elapsed_ms(since);
    int left = peers.left;

    peers_end(&peers);
    end_server(&server);
    print_message("answers of %zu bytes: %d of %d good peers without; slowest answer %.1f ms; "
                  "%d refused; CPU %.0f of %.0f ms\n",
                  size, left, GOOD, peers.slowest, server.refused, thread_cpu_ms() - used, all);
    in_time(left == 0 && peers.slowest < IN_TIME * slowness());
}

static void others_get_small_answers(void **state)
{
    answer_all(template_of(state), 1);
}

static void others_get_large_answers(void **state)
{
    answer_all(template_of(state), LONGEST);
}

int main(void)
{
    static const char *const templates[] = {"unixgram://@", NULL};
    static const struct test tests[] = {
        TEST(others_get_small_answers),
        TEST(others_get_large_answers),
    };

    return run_over(templates, tests);
}
