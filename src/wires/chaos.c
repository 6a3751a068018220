/* chaos+SCHEME:// - the tables of the schemes with faults. Each is a layer over another scheme; the
 * faults themselves are in chaos/. */
#include "chaos/chaos.h"
#include "chaos/datagram.h"
#include "chaos/stream.h"
#include "socket/layer.h"
#include "wires/wires.h"

#define ANY_FAULTS                                                                                 \
    (NF_OPTION(NF_SEED) | NF_OPTION(NF_DELAY) | NF_OPTION(NF_STALL_AFTER) |                        \
     NF_OPTION(NF_ACCEPT_FAIL))
#define STREAM_FAULTS (ANY_FAULTS | NF_OPTION(NF_CHUNK) | NF_OPTION(NF_RESET_AFTER))
#define DATAGRAM_FAULTS                                                                            \
    (ANY_FAULTS | NF_OPTION(NF_LOSS) | NF_OPTION(NF_DUPLICATE) | NF_OPTION(NF_REORDER))

/* What all tables of these schemes have in common. */
#define COMMON(below, faults, listens)                                                             \
    .scheme = "chaos+" #below, .size = sizeof(struct nf_chaos),                                    \
    .properties = {.options = (faults)}, .listener = &(listens), .lower = &nf_##below,             \
    .resolve = nf_layer_resolve, .cancel = nf_chaos_cancel, .close = nf_chaos_close,               \
    .property = nf_chaos_property, .ready = nf_chaos_ready

#define STREAM_SCHEME(below)                                                                       \
    static const struct nf_backend below##_listener = {                                            \
        COMMON(below, STREAM_FAULTS, below##_listener),                                            \
        .open = nf_chaos_listen,                                                                   \
        .accept = nf_chaos_accept,                                                                 \
        .send = nf_refuse_send,                                                                    \
        .recv = nf_refuse_recv,                                                                    \
        .send_messages = nf_refuse_send_messages,                                                  \
        .recv_messages = nf_refuse_recv_messages,                                                  \
        .shutdown = nf_refuse_shutdown,                                                            \
    };                                                                                             \
    const struct nf_backend nf_chaos_##below = {                                                   \
        COMMON(below, STREAM_FAULTS, below##_listener),                                            \
        .open = nf_chaos_connect,                                                                  \
        .accept = nf_refuse_accept,                                                                \
        .send = nf_chaos_stream_send,                                                              \
        .recv = nf_chaos_stream_recv,                                                              \
        .send_messages = nf_refuse_send_messages,                                                  \
        .recv_messages = nf_refuse_recv_messages,                                                  \
        .shutdown = nf_chaos_shutdown,                                                             \
    }

#define DATAGRAM_SCHEME(below)                                                                     \
    static const struct nf_backend below##_listener = {                                            \
        COMMON(below, DATAGRAM_FAULTS, below##_listener),                                          \
        .open = nf_chaos_listen,                                                                   \
        .accept = nf_chaos_accept,                                                                 \
        .send = nf_refuse_send,                                                                    \
        .recv = nf_refuse_recv,                                                                    \
        .send_messages = nf_chaos_send_messages,                                                   \
        .recv_messages = nf_chaos_recv_messages,                                                   \
        .shutdown = nf_refuse_shutdown,                                                            \
    };                                                                                             \
    const struct nf_backend nf_chaos_##below = {                                                   \
        COMMON(below, DATAGRAM_FAULTS, below##_listener),                                          \
        .open = nf_chaos_connect,                                                                  \
        .accept = nf_refuse_accept,                                                                \
        .send = nf_chaos_datagram_send,                                                            \
        .recv = nf_chaos_datagram_recv,                                                            \
        .send_messages = nf_chaos_send_messages,                                                   \
        .recv_messages = nf_chaos_recv_messages,                                                   \
        .shutdown = nf_refuse_shutdown,                                                            \
    }

STREAM_SCHEME(tcp);
STREAM_SCHEME(unix);
STREAM_SCHEME(mem);
DATAGRAM_SCHEME(udp);
DATAGRAM_SCHEME(unixgram);
DATAGRAM_SCHEME(memgram);
