/* Bytes and datagrams through a descriptor. One system call each; none raises SIGPIPE. They return
 * a count, or NF_WOULD_BLOCK (nothing moved: not ready, the descriptor's patience ran out, or a
 * signal came), NF_CONGESTED, or the code of a failure that has been recorded. */
#ifndef NF_OS_TRANSFER_H
#define NF_OS_TRANSFER_H

#include "netfacade.h"
#include "os/address.h"

#include <stdbool.h>

/* How to call; the numbers are the system's own (transfer.c sees to it), so that nothing is
 * translated. */
enum {
    NF_PEEK = 0x2,      /* leave the bytes where they are */
    NF_LENGTH = 0x20,   /* of a datagram return the real length, also when it did not fit */
    NF_DONTWAIT = 0x40, /* do not wait, though the descriptor blocks */
    NF_WHOLE = 0x100    /* wait until the buffer is full */
};

enum { NF_SLICES_MAX = 64 }; /* slices in one system call */

ssize_t nf_transfer_send(int fd, const void *data, size_t size, int how);
ssize_t nf_transfer_recv(int fd, void *buffer, size_t size, int how);

/* The same of a descriptor that may be no socket, by one that waits if it has to, and by one that
 * does not, whatever the descriptor. */
ssize_t nf_transfer_read(int fd, void *buffer, size_t size);
ssize_t nf_transfer_read_now(int fd, void *buffer, size_t size);

/* The bytes of at most NF_SLICES_MAX slices, but for the first `skip`. */
ssize_t nf_transfer_send_slices(int fd, const net_slice *slices, int count, size_t skip, int how);

/* A datagram of at most NF_SLICES_MAX slices to `to` from our address `from` (NULL: as the system
 * likes). `v6` tells the socket's own family. Never waits. */
ssize_t nf_transfer_send_to(int fd, bool v6, const net_slice *slices, int count,
                            const struct nf_addr *to, const struct nf_addr *from);

/* Messages that leave in one go, as the system may send them: datagrams of one size, the last
 * perhaps shorter, to one peer. udp(7), UDP_SEGMENT */
struct nf_train {
    const struct nf_addr *to;   /* NULL: to the descriptor's peer */
    const struct nf_addr *from; /* NULL: as the system likes */
    int count;                  /* of messages */
};

enum {
    NF_TRAINS_MAX = 32,         /* in one system call, of at most */
    NF_TRAIN_MESSAGES_MAX = 64, /* messages */
    NF_TRAIN_SIZE_MAX = 65000   /* bytes in a train, somewhat less than in a packet */
};

/* Whether the system has heard of trains; one that has not would send them as single datagrams. */
bool nf_transfer_knows_trains(int fd);

/* Send messages, one train after another. Never waits. How many trains were sent, at least 1; or
 * why the first was not: NF_NO_TRAIN when it may go only as single datagrams. */
int nf_transfer_send_trains(int fd, bool v6, const net_message *messages,
                            const struct nf_train *trains, int count);

/* What errno says, as all these functions return it. */
int nf_transfer_failure(void);

#endif
