/* Pipes: one allocation for both directions, shared by two sockets. */
#include "memory/pipe.h"
#include "os/process.h"

#include <stdlib.h>
#include <string.h>

static size_t ring_size(uint32_t sndbuf, uint32_t rcvbuf)
{
    size_t size = NF_CACHE_LINE;

    while (size < (size_t)sndbuf + rcvbuf) {
        size *= 2;
    }
    return size;
}

static void lay_out(struct nf_mem_pipe *pipe, int writer, char *ring, size_t size, uint32_t sndbuf,
                    uint32_t rcvbuf)
{
    struct nf_mem_flow *flow = &pipe->flow[writer];

    flow->ring = ring;
    flow->mask = size - 1;
    atomic_init(&flow->sndbuf, sndbuf);
    atomic_init(&flow->rcvbuf, rcvbuf);
    flow->writer.end = &pipe->end[writer];
    flow->reader.end = &pipe->end[1 - writer];
}

enum { HEAD = (sizeof(struct nf_mem_pipe) + NF_CACHE_LINE - 1) / NF_CACHE_LINE * NF_CACHE_LINE };

/* One allocation. Only its head is cleared: pages of the rings are not touched before bytes are
 * written there. */
struct nf_mem_pipe *nf_mem_make_pipe(uint32_t sndbuf, uint32_t rcvbuf, uint32_t sndbuf_back,
                                     uint32_t rcvbuf_back)
{
    size_t there = ring_size(sndbuf, rcvbuf);
    size_t back = ring_size(sndbuf_back, rcvbuf_back);
    struct nf_mem_pipe *pipe = aligned_alloc(NF_CACHE_LINE, HEAD + there + back);

    if (pipe == NULL) {
        nf_fail_because(NET_LIMIT, "no memory");
        return NULL;
    }
    memset(pipe, 0, sizeof *pipe);
    char *rings = (char *)pipe + HEAD;

    lay_out(pipe, NF_MEM_CLIENT, rings, there, sndbuf, rcvbuf);
    lay_out(pipe, NF_MEM_SERVER, rings + there, back, sndbuf_back, rcvbuf_back);
    atomic_init(&pipe->references, 2);
    return pipe;
}

void nf_mem_attach(struct nf_mem_socket *self, struct nf_mem_pipe *pipe, int which,
                   const struct nf_addr *listener)
{
    self->pipe = pipe;
    self->which = (uint8_t)which;
    self->to = &pipe->flow[which];
    self->from = &pipe->flow[1 - which];
    self->process = nf_process();
    memcpy(self->name, listener->name, listener->size);
    self->listener = *listener;
    self->listener.name = self->name;
    self->head.name = which == NF_MEM_CLIENT ? self->listener : (struct nf_addr){.family = NF_MEM};
    atomic_store(&pipe->end[which].socket, &self->head);
}

void nf_mem_unref(struct nf_mem_pipe *pipe)
{
    if (atomic_fetch_sub(&pipe->references, 1) == 1) {
        free(pipe);
    }
}

void nf_mem_break(struct nf_mem_pipe *pipe, int which)
{
    struct nf_mem_flow *to = &pipe->flow[which];
    struct nf_mem_flow *from = &pipe->flow[1 - which];

    nf_mem_mark(&from->writer, NF_MEM_OVER | NF_MEM_BROKEN);
    nf_mem_mark(&to->reader, NF_MEM_OVER);
    nf_mem_wake(&from->reader);
    nf_mem_wake(&to->writer);
}
