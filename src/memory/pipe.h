/* A connection inside the process: a pipe that two sockets share, with a flow of bytes in each
 * direction. Each socket has two lanes, one for sending and one for receiving: a lane is the turn
 * that one thread at a time takes, and the code with which that direction has ended. */
#ifndef NF_MEMORY_PIPE_H
#define NF_MEMORY_PIPE_H

#include "memory/ring.h"
#include "wait/turn.h"

enum { NF_MEM_CLIENT, NF_MEM_SERVER }; /* the ends of a pipe, and the flows that they write */

/* The state of a dial. */
enum {
    NF_MEM_DIALED = 1,  /* connected: within the listener's backlog, or accepted */
    NF_MEM_REFUSED = 2, /* the listener has closed */
    NF_MEM_CANCELED = 4 /* with any other: changes the futex word, so that a waiter looks again */
};

enum { NF_MEM_BUFFER = 64 * 1024 }; /* bytes of sndbuf and rcvbuf, when the address has none */

/* What the two sockets of a connection share. Each has a reference; before accept, the listener's
 * queue has that of the server. The last nf_mem_unref frees it. */
struct nf_mem_pipe {
    struct nf_mem_flow flow[2];
    struct nf_mem_end end[2];
    _Atomic uint32_t dial; /* a futex word: a thread that waits for the dial sleeps on it */
    _Atomic int references;
    struct nf_mem_listener *listener; /* has it in its queue, or NULL; under nf_mem_lock */
    struct nf_mem_pipe *next;         /* in that queue */
};

struct nf_mem_lane {
    struct nf_turn turn;
    _Atomic int8_t end; /* 0: open; NF_MEM_UNDECIDED: dialing; else the code of later calls */
};

enum { NF_MEM_UNDECIDED = 1 };

struct nf_mem_socket {
    net_socket head;
    struct nf_mem_pipe *pipe;
    struct nf_mem_flow *from; /* the flow it reads */
    struct nf_mem_flow *to;   /* the flow it writes */
    struct nf_mem_lane in;
    struct nf_mem_lane out;
    int process;                /* that made it (nf_process) */
    int backlog;                /* of its address, or of its listener */
    uint32_t sndbuf;            /* of the address that was dialed */
    uint32_t rcvbuf;            /* the same */
    uint8_t which;              /* NF_MEM_CLIENT or NF_MEM_SERVER */
    _Atomic int64_t bytes_in;   /* returned to the caller */
    _Atomic bool resets;        /* close sends a reset */
    struct nf_addr listener;    /* the name that the client dialed */
    char scheme[NF_SCHEME_MAX]; /* of the address that was dialed; with a layer, the layer's */
    char name[NF_ADDR_NAME_MAX];
};

/* A pipe with two references and the bounds of each direction in bytes. The first two are of the
 * flow that the client writes. NULL: NET_LIMIT. */
struct nf_mem_pipe *nf_mem_make_pipe(uint32_t sndbuf, uint32_t rcvbuf, uint32_t sndbuf_back,
                                     uint32_t rcvbuf_back);

/* Make the socket the end `which` of the pipe. It takes over one reference. */
void nf_mem_attach(struct nf_mem_socket *self, struct nf_mem_pipe *pipe, int which,
                   const struct nf_addr *listener);

/* Reset the connection for the end `which`, and wake its threads. */
void nf_mem_break(struct nf_mem_pipe *pipe, int which);

/* Drop a reference. */
void nf_mem_unref(struct nf_mem_pipe *pipe);

#endif
