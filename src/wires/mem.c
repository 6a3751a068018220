/* mem:// - streams inside the process, without descriptors. Only the tables are here; the code is
 * in memory/. */
#include "memory/connection.h"
#include "memory/dial.h"
#include "memory/listener.h"
#include "memory/talk.h"
#include "wires/wires.h"

#define PROPERTIES                                                                                 \
    {                                                                                              \
        .options = NF_OPTION(NF_SNDBUF) | NF_OPTION(NF_RCVBUF) | NF_OPTION(NF_BACKLOG),            \
        .others = NF_PROPERTY(NF_SCHEME) | NF_PROPERTY(NF_LOCAL) | NF_PROPERTY(NF_PEER) |          \
                  NF_PROPERTY(NF_BYTES_SENT) | NF_PROPERTY(NF_BYTES_RECEIVED) |                    \
                  NF_PROPERTY(NF_RESET)                                                            \
    }

static net_socket *mem_accept(net_socket *socket, net_deadline deadline)
{
    return nf_mem_accept(socket, &nf_mem, deadline);
}

static const struct nf_backend mem_listener = {
    .scheme = "mem",
    .size = sizeof(struct nf_mem_listener),
    .properties = PROPERTIES,
    .listener = &mem_listener,
    .open = nf_mem_listen,
    .resolve = nf_mem_resolve,
    .accept = mem_accept,
    .send = nf_refuse_send,
    .recv = nf_refuse_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_refuse_shutdown,
    .cancel = nf_mem_listener_cancel,
    .close = nf_mem_listener_close,
    .property = nf_mem_listener_property,
    .ready = nf_mem_listener_ready,
};

const struct nf_backend nf_mem = {
    .scheme = "mem",
    .size = sizeof(struct nf_mem_socket),
    .properties = PROPERTIES,
    .listener = &mem_listener,
    .open = nf_mem_connect,
    .resolve = nf_mem_resolve,
    .accept = nf_refuse_accept,
    .send = nf_mem_send,
    .recv = nf_mem_recv,
    .send_messages = nf_refuse_send_messages,
    .recv_messages = nf_refuse_recv_messages,
    .shutdown = nf_mem_shutdown,
    .cancel = nf_mem_cancel,
    .close = nf_mem_close,
    .property = nf_mem_property,
    .ready = nf_mem_ready,
};
