/* An echo server with one poller. */
#include "tls_server.h"

static void drop(struct tls_server *server, net_socket *socket)
{
    net_close(socket, NET_NOW);
    server->open--;
}

static void take_callers(struct tls_server *server)
{
    net_socket *socket = (net_accept)(server->listener, NET_NOW);

    while (socket != NULL) {
        server->is_wrong =
            server->is_wrong ||
            net_poller_watch(server->poller, socket, NET_READABLE, socket, NET_FOREVER) != 0;
        server->open++;
        server->accepted++;
        socket = (net_accept)(server->listener, NET_NOW);
    }
}

/* As a server does: a bounded number of receives, and then the others' turn. */
static void serve(struct tls_server *server, net_socket *socket)
{
    enum { TURNS = 4 };
    char bytes[4096];
    ssize_t n = 1;

    for (int i = 0; i < TURNS && n > 0; i++) {
        n = (net_recv)(socket, bytes, sizeof bytes, NET_NOW);
        if (n > 0 && (net_send)(socket, bytes, (size_t)n, NET_NOW) != n) {
            n = NET_RESET;
        }
    }
    if (n == NET_EOF) {
        server->ended++;
        drop(server, socket);
    } else if (n < 0 && n != NET_TIMEOUT) {
        server->failed++;
        drop(server, socket);
    }
}

static void close_all(struct tls_server *server)
{
    net_event event;

    while (net_poller_list(server->poller, &event, 1) > 0) {
        if (event.socket != server->listener) {
            drop(server, event.socket);
        } else {
            net_close(event.socket, NET_NOW);
        }
    }
    net_poller_close(server->poller);
}

static void *run(void *argument)
{
    struct tls_server *server = argument;
    net_event event;

    while (!server->stop) {
        int n = net_poller_wait(server->poller, &event, 1, soon());

        if (n == 1 && event.socket == server->listener) {
            take_callers(server);
        } else if (n == 1) {
            serve(server, event.socket);
        } else if (n != 0 && n != NET_TIMEOUT) {
            server->is_wrong = true;
            break;
        }
    }
    return NULL;
}

void tls_server_start(struct tls_server *server, net_socket *listener)
{
    *server = (struct tls_server){.listener = listener, .poller = net_poller_open()};
    assert_non_null(server->poller);
    assert_ok(net_poller_watch(server->poller, listener, NET_READABLE, NULL, NET_FOREVER));
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
}

void tls_server_await(const _Atomic int *count, int least)
{
    double since = now_ms();

    while (*count < least) {
        assert_true(elapsed_ms(since) < 20000.0 * slowness());
        nap(1);
    }
}

void tls_server_stop(struct tls_server *server)
{
    server->stop = true;
    net_poller_wake(server->poller);
    pthread_join(server->thread, NULL);
    close_all(server);
    assert_false(server->is_wrong);
}
