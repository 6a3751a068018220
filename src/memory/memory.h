/* mem:// - streams inside the process, for the registry and between their files. */
#ifndef NF_MEMORY_MEMORY_H
#define NF_MEMORY_MEMORY_H

#include "memory/ring.h"
#include "wait/deadline.h"
#include "wait/turn.h"

extern const struct nf_backend nf_mem;
extern const struct nf_backend nf_memgram;

#define NF_MEM_WORDS                                                                               \
    (NF_WORD(NF_SNDBUF) | NF_WORD(NF_RCVBUF) | NF_WORD(NF_BACKLOG) | NF_WORD(NF_SCHEME) |          \
     NF_WORD(NF_LOCAL) | NF_WORD(NF_PEER) | NF_WORD(NF_BYTES_SENT) | NF_WORD(NF_BYTES_RECEIVED) |  \
     NF_WORD(NF_RESET))

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

/* What waits for somebody to sleep for: his own flags change, too. */
typedef bool nf_mem_due(struct nf_mem_socket *self);

/* ---- mem_listener.c: who listens, and whom he has not accepted yet ---- */

int nf_mem_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                   net_deadline deadline);

/* Find the listener, make the pipe, and stand in line. 0, or NET_REFUSED, NET_LIMIT, NET_ADDRESS.
 */
int nf_mem_dial(struct nf_mem_socket *self, const struct nf_target *target);

/* Wait until the dial is decided: 0, or NET_REFUSED, NET_CANCELED, NET_TIMEOUT. */
int nf_mem_decide(struct nf_mem_socket *self, net_deadline deadline);

/* A dial is given up: leave the line, if that is where it is. */
void nf_mem_leave_line(struct nf_mem_pipe *pipe);

/* ---- mem_talk.c ---- */

ssize_t nf_mem_send(net_socket *socket, const net_slice *slices, int count, net_deadline deadline);
ssize_t nf_mem_recv(net_socket *socket, void *buffer, size_t size, int until,
                    net_deadline deadline);

/* A receive, or a send, would not wait. */
nf_mem_due nf_mem_is_readable, nf_mem_may_send;

/* Wait until that is due for `side`, whose turn is ours: 0, NET_CANCELED or NET_TIMEOUT. The side
 * is told of what the peer does, of a cancel, and of our own half-close. */
int nf_mem_await(struct nf_mem_socket *self, struct nf_mem_side *side, nf_mem_due *is_due,
                 net_deadline deadline);

/* The dial has succeeded, and somebody has seen that. */
void nf_mem_settle(struct nf_mem_socket *self);

/* A call that needs no turn: 0 once the dial is decided, or why not. */
int nf_mem_nothing(struct nf_mem_socket *self, struct nf_mem_lane *lane, net_deadline deadline);

/* ---- mem.c ---- */

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

extern const struct nf_backend nf_mem_listener_table;

#endif
