/* Slots that refuse: the call does not fit the kind of socket. */
#include "socket/backend.h"

#define LISTENER_SENDS    "a listener does not talk: send on a socket that net_accept returned"
#define LISTENER_RECEIVES "a listener does not talk: receive on a socket that net_accept returned"

static int refuse(const char *what)
{
    return nf_fail_because(NET_MISUSE, "%s", what);
}

int nf_refuse_open(net_socket *socket, const struct nf_target *target, net_deadline deadline)
{
    (void)socket;
    (void)target;
    (void)deadline;
    return refuse("this kind of socket is made by net_accept alone");
}

net_socket *nf_refuse_accept(net_socket *socket, net_deadline deadline)
{
    (void)socket;
    (void)deadline;
    refuse("only a listener can accept, and this is a connection");
    return NULL;
}

ssize_t nf_refuse_send(net_socket *socket, const net_slice *slices, int count,
                       net_deadline deadline)
{
    (void)socket;
    (void)slices;
    (void)count;
    (void)deadline;
    return refuse(LISTENER_SENDS);
}

ssize_t nf_refuse_recv(net_socket *socket, void *buffer, size_t size, int until,
                       net_deadline deadline)
{
    (void)socket;
    (void)buffer;
    (void)size;
    (void)until;
    (void)deadline;
    return refuse(LISTENER_RECEIVES);
}

/* What a listener accepts may carry messages, though it carries none itself. */
static int refuse_messages(net_socket *socket, const char *listener)
{
    return refuse(socket->kind->listener == socket->kind
                      ? listener
                      : "a stream carries bytes: messages need datagrams, or framed+");
}

int nf_refuse_send_messages(net_socket *socket, const net_message *messages, int count,
                            net_deadline deadline)
{
    (void)messages;
    (void)count;
    (void)deadline;
    return refuse_messages(socket, LISTENER_SENDS);
}

int nf_refuse_recv_messages(net_socket *socket, net_message *messages, int count,
                            net_deadline deadline)
{
    (void)messages;
    (void)count;
    (void)deadline;
    return refuse_messages(socket, LISTENER_RECEIVES);
}

int nf_refuse_shutdown(net_socket *socket)
{
    (void)socket;
    return refuse("only a stream connection can be half-closed");
}

int nf_refuse_release(void)
{
    return refuse("this socket has no descriptor of its own to be released");
}

int nf_fail_ended(int end)
{
    return end == NET_MISUSE ? nf_fail_because(end, "nothing can be sent after net_shutdown")
                             : nf_fail(end);
}
