/* The echo servers of netfacade. */
#include "server.h"
#include "contest.h"

#include <netfacade.h>

#include <stdlib.h>

enum { MILLISECONDS = 1000 };

static net_poller *poller;
static net_socket *listener;

static void watch(net_socket *socket, net_deadline deadline)
{
    need(net_poller_watch(poller, socket, NET_READABLE, NULL, deadline) == 0, "net_poller_watch");
}

static int poller_open(const char *address)
{
    char port[16];

    listener = net_listen(address);
    poller = net_poller_open();
    need(listener != NULL && poller != NULL, "net_listen and net_poller_open");
    need(net_get(listener, "port", port, sizeof port) > 0, "net_get");
    watch(listener, NET_FOREVER);
    return atoi(port);
}

static void pick_up(void)
{
    net_socket *call = net_accept(listener, NET_NOW);

    while (call != NULL) {
        server_record.accepted++;
        watch(call, NET_FOREVER);
        call = net_accept(listener, NET_NOW);
    }
    need(net_error() == NET_TIMEOUT, "net_accept");
}

static bool echo(net_socket *call)
{
    static _Alignas(PAGE) char buffer[SERVER_ROOM];
    ssize_t size = net_recv(call, buffer, sizeof buffer, NET_NOW);

    if (size <= 0 || net_send(call, buffer, (size_t)size, NET_NOW) != size) {
        server_record.closed++;
        return false;
    }
    server_record.echoed++;
    return true;
}

static int wait_for(net_event *events)
{
    int count = net_poller_wait(poller, events, SERVER_BATCH, NET_FOREVER);

    need(count >= 0, "net_poller_wait");
    return count;
}

static void poller_turn(void)
{
    net_event events[SERVER_BATCH];
    int count = wait_for(events);

    for (int i = 0; i < count; i++) {
        if (events[i].socket == listener) {
            pick_up();
        } else if (!echo(events[i].socket)) {
            net_close(events[i].socket, NET_NOW);
        }
    }
}

/* The clock is read once for each wait, as a server would do. */
static void deadline_turn(void)
{
    net_event events[SERVER_BATCH];
    int count = wait_for(events);
    net_deadline deadline = net_after(SERVER_LINGER * MILLISECONDS);

    for (int i = 0; i < count; i++) {
        if (events[i].socket == listener) {
            pick_up();
        } else if (!echo(events[i].socket)) {
            net_close(events[i].socket, NET_NOW);
        } else {
            watch(events[i].socket, deadline);
        }
    }
}

const struct server server_poller = {"netfacade", poller_open, poller_turn};
const struct server server_deadline = {"netfacade, deadlines", poller_open, deadline_turn};
