/* The echo server of libevent, by its plain events; its bufferevents would cost more. */
#include "server.h"
#include "contest.h"

#ifdef HAVE_LIBEVENT
#include <event2/event.h>
#include <unistd.h>

static struct event_base *base;

static void echo(evutil_socket_t fd, short what, void *event)
{
    (void)what;
    if (!server_echo(fd)) {
        event_free(event);
        close(fd);
    }
}

static void watch(int fd)
{
    struct event *event = event_new(base, fd, EV_READ | EV_PERSIST, echo, event_self_cbarg());

    need(event != NULL && event_add(event, NULL) == 0, "event_add");
}

static void pick_up(evutil_socket_t listener, short what, void *user)
{
    (void)what;
    (void)user;
    server_accept(listener, watch);
}

static int libevent_open(const char *address)
{
    int port;
    int listener = server_listen(&port);

    (void)address;
    base = event_base_new();
    need(base != NULL, "event_base_new");
    need(event_add(event_new(base, listener, EV_READ | EV_PERSIST, pick_up, NULL), NULL) == 0,
         "event_add");
    return port;
}

static void libevent_turn(void)
{
    event_base_loop(base, EVLOOP_ONCE);
}

const struct server server_libevent = {"libevent", libevent_open, libevent_turn};
#endif
