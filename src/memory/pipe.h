/* A connection inside the process: a pipe that two sockets share, with a flow of bytes in each
 * direction. */
#ifndef NF_MEMORY_PIPE_H
#define NF_MEMORY_PIPE_H

#include "memory/ring.h"
#include "wait/turn.h"

enum { NF_MEM_CLIENT, NF_MEM_SERVER }; /* the ends of a pipe, and the flows that they write */

/* How far a dial is. */
enum {
    NF_MEM_DIALED = 1,  /* it has a place in the listener's line, or was accepted */
    NF_MEM_REFUSED = 2, /* nobody listens any more */
    NF_MEM_CANCELED = 4 /* and whatever else it is, whoever waits is to look up */
};

enum { NF_MEM_BUFFER = 64 * 1024 }; /* bytes of sndbuf and rcvbuf, when the address has none */

/* What the two sockets of a connection share; freed by whoever lets go of it last. */
struct nf_mem_pipe {
    struct nf_mem_flow flow[2];
    struct nf_mem_end end[2];
    _Atomic uint32_t dial; /* who waits for it sleeps on this */
    _Atomic int owners;
    struct nf_mem_listener
        *listener;            /* whose queue it is in, or NULL; under the lock of the names */
    struct nf_mem_pipe *next; /* there */
};

struct nf_mem_lane {
    struct nf_turn turn;
    _Atomic int8_t end; /* the code that every later call gets, or NF_MEM_UNDECIDED; else 0 */
};

enum { NF_MEM_UNDECIDED = 1 };

struct nf_mem_socket {
    net_socket head;
    struct nf_mem_pipe *pipe;
    struct nf_mem_flow *from; /* its flows: whom it reads, whom it writes */
    struct nf_mem_flow *to;
    struct nf_mem_lane in;
    struct nf_mem_lane out;
    int process; /* to which the pipe belongs */
    int backlog;
    uint32_t sndbuf; /* as a dial asked for them */
    uint32_t rcvbuf;
    uint8_t which;
    _Atomic int64_t bytes_in;   /* handed out */
    _Atomic bool resets;        /* its close is to be a reset */
    struct nf_addr listener;    /* whom the client dialed */
    char scheme[NF_SCHEME_MAX]; /* by which; of a layer, its */
    char name[NF_ADDR_NAME_MAX];
};

/* A pipe that two own, with the bounds of each direction, the client's first; or NULL (NET_LIMIT).
 */
struct nf_mem_pipe *nf_mem_make_pipe(uint32_t sndbuf, uint32_t rcvbuf, uint32_t sndbuf_back,
                                     uint32_t rcvbuf_back);

/* The socket has this end of the pipe from now on. */
void nf_mem_attach(struct nf_mem_socket *self, struct nf_mem_pipe *pipe, int which,
                   const struct nf_addr *listener);

/* Break the connection for one end, which is told so. */
void nf_mem_break(struct nf_mem_pipe *pipe, int which);

/* One owner less. */
void nf_mem_let_go(struct nf_mem_pipe *pipe);

#endif
