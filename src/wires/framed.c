/* framed+SCHEME:// - the tables of the schemes that carry messages over a stream. Each is a layer
 * over another scheme; the frames themselves are in framed/. */
#include "framed/framed.h"
#include "wires/wires.h"

/* What all tables of these schemes have in common. */
#define COMMON(below, name, listens)                                                               \
    .scheme = "framed+" name, .size = sizeof(struct nf_framed),                                    \
    .properties = {.options = NF_OPTION(NF_FRAME) | NF_OPTION(NF_MAX) | NF_OPTION(NF_QUEUE),       \
                   .others = NF_PROPERTY(NF_MESSAGES_SENT) | NF_PROPERTY(NF_MESSAGES_RECEIVED) |   \
                             NF_PROPERTY(NF_TRUNCATED)},                                           \
    .listener = &(listens), .lower = &nf_##below, .resolve = nf_layer_resolve,                     \
    .cancel = nf_framed_cancel, .close = nf_layer_close, .property = nf_framed_property

#define FRAMED_SCHEME(below, name)                                                                 \
    static const struct nf_backend below##_listener = {                                            \
        COMMON(below, name, below##_listener),                                                     \
        .open = nf_framed_listen,                                                                  \
        .accept = nf_framed_accept,                                                                \
        .send = nf_refuse_send,                                                                    \
        .recv = nf_refuse_recv,                                                                    \
        .send_messages = nf_refuse_send_messages,                                                  \
        .recv_messages = nf_refuse_recv_messages,                                                  \
        .shutdown = nf_refuse_shutdown,                                                            \
        .ready = nf_layer_ready,                                                                   \
    };                                                                                             \
    const struct nf_backend nf_framed_##below = {                                                  \
        COMMON(below, name, below##_listener),                                                     \
        .open = nf_framed_connect,                                                                 \
        .accept = nf_refuse_accept,                                                                \
        .send = nf_framed_send,                                                                    \
        .recv = nf_framed_recv,                                                                    \
        .send_messages = nf_framed_send_messages,                                                  \
        .recv_messages = nf_framed_recv_messages,                                                  \
        .shutdown = nf_layer_shutdown,                                                             \
        .ready = nf_framed_ready,                                                                  \
    }

FRAMED_SCHEME(tcp, "tcp");
FRAMED_SCHEME(unix, "unix");
FRAMED_SCHEME(mem, "mem");
FRAMED_SCHEME(chaos_tcp, "chaos+tcp");
FRAMED_SCHEME(chaos_unix, "chaos+unix");
FRAMED_SCHEME(chaos_mem, "chaos+mem");
