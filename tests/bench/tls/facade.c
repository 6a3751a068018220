/* tls:// as a program uses it, with a deadline for each call. */
#include "certificates.h"
#include "contest.h"
#include "stack.h"

#include <netfacade.h>

#include <stdio.h>

enum { ADDRESS = 1024 };

static net_socket *listener;
static char address[ADDRESS];

static void start(bool resumes)
{
    char text[ADDRESS];
    int64_t port = 0;

    snprintf(text, sizeof text, "tls://127.0.0.1:0?cert=%s&key=%s&min-version=1.3&tickets=%s",
             certificate_file(CERTIFICATE_GOOD), certificate_key(CERTIFICATE_GOOD),
             resumes ? "on" : "off");
    listener = net_listen(text);
    need(listener != NULL, "net_listen");
    need(net_get_number(listener, "port", &port) == 0, "the port");
    snprintf(address, sizeof address, "tls://127.0.0.1:%d?ca=%s&min-version=1.3&tickets=%s",
             (int)port, certificate_ca(), resumes ? "on" : "off");
}

static void stop(void)
{
    net_close(listener, NET_NOW);
}

static void interrupt_accept(void)
{
    net_cancel(listener);
}

static void *dial(void)
{
    net_socket *made = net_connect(address, net_after(PATIENCE));

    need(made != NULL, "net_connect");
    return made;
}

/* The first call to it shakes hands. */
static void *accept_one(void)
{
    net_socket *made = net_accept(listener, net_after(PATIENCE));

    need(made != NULL || net_error() == NET_CANCELED, "net_accept");
    return made;
}

static long send_all(void *connection, const void *data, size_t size)
{
    return net_send(connection, data, size, net_after(PATIENCE));
}

static long receive(void *connection, void *buffer, size_t size)
{
    ssize_t n = net_recv(connection, buffer, size, net_after(PATIENCE));

    return n == NET_EOF ? 0 : n;
}

static void hang_up(void *connection)
{
    net_close(connection, NET_NOW);
}

static const char *cipher(void *connection, char *buffer, size_t size)
{
    return net_get(connection, "tls-cipher", buffer, size) > 0 ? buffer : "";
}

const struct stack stack_facade = {start,    stop,    interrupt_accept, dial,  accept_one,
                                   send_all, receive, hang_up,          cipher};
