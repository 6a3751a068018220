/* Sends and receives bytes and datagrams on a descriptor. Each call makes one system call, except
 * where it says so, and none raises SIGPIPE. They return a count; NF_WOULD_BLOCK (nothing was
 * moved: not ready, the descriptor's timeout expired, or a signal came); NF_CONGESTED; or the code
 * of a failure that has been recorded. */
#ifndef NF_OS_TRANSFER_H
#define NF_OS_TRANSFER_H

#include "netfacade.h"
#include "os/address.h"

#include <stdbool.h>

/* Flags for `how`. They are equal to the system's, so they need no translation; transfer.c asserts
 * it. */
enum {
    NF_PEEK = 0x2,      /* leave the bytes in the queue */
    NF_LENGTH = 0x20,   /* return a datagram's real length, even if it did not fit */
    NF_DONTWAIT = 0x40, /* do not wait, even if the descriptor blocks */
    NF_WHOLE = 0x100    /* wait until the buffer is full */
};

enum { NF_SLICES_MAX = 64 }; /* the most slices in one system call */

ssize_t nf_transfer_send(int fd, const void *data, size_t size, int how);
ssize_t nf_transfer_recv(int fd, void *buffer, size_t size, int how);

/* Receive from a descriptor that may not be a socket. nf_transfer_read waits if the descriptor
 * blocks. nf_transfer_read_now does not wait, even if it blocks. On a terminal or named FIFO it
 * also makes a poll(2), and then reads from `again`, which nf_descriptor_open_again opened. Without
 * one (-1) it may wait in a rare race (see transfer.c). */
ssize_t nf_transfer_read(int fd, void *buffer, size_t size);
ssize_t nf_transfer_read_now(int fd, int again, void *buffer, size_t size);

/* Send at most `most` bytes of the first NF_SLICES_MAX slices, without the first `skip` bytes. */
ssize_t nf_transfer_send_slices(int fd, const net_slice *slices, int count, size_t skip,
                                size_t most, int how);

/* Send one datagram of at most NF_SLICES_MAX slices to `to`, from the local address `from` (NULL:
 * the system chooses). `v6` says whether it is an IPv6 socket. Never waits. */
ssize_t nf_transfer_send_to(int fd, bool v6, const net_slice *slices, int count,
                            const struct nf_addr *to, const struct nf_addr *from);

/* A train: messages that the kernel sends as one joined run of datagrams. All have one size, the
 * last may be shorter, and all go to one peer. udp(7), UDP_SEGMENT */
struct nf_train {
    const struct nf_addr *to;   /* NULL: to the peer of a connected descriptor */
    const struct nf_addr *from; /* NULL: the system chooses */
    int count;                  /* messages in the train */
};

enum {
    NF_TRAINS_MAX = 32,         /* the most trains in one system call, */
    NF_TRAIN_MESSAGES_MAX = 64, /* messages in all of them together, */
    NF_TRAIN_SIZE_MAX = 65000   /* and bytes in each: a little below an IP packet's limit */
};

/* Whether the system has UDP_SEGMENT. A system without it would ignore the option and send a train
 * as one datagram. */
bool nf_transfer_knows_trains(int fd);

/* Send `messages`, divided into `count` trains in order. Never waits. Returns how many trains were
 * sent, at least 1, or why the first was not sent: NF_NO_TRAIN when its messages must be sent as
 * single datagrams. */
int nf_transfer_send_trains(int fd, bool v6, const net_message *messages,
                            const struct nf_train *trains, int count);

/* Discard the errors that the system has queued for a descriptor with IP_RECVERR (ip(7)), as an
 * adopted one may have it. While any is queued the descriptor looks ready, and the next call on it
 * fails, whomever its datagram is for. Returns whether the descriptor has such a queue. */
bool nf_transfer_discard_errors(int fd);

/* Map errno to the codes that these functions return, and record the failure. */
int nf_transfer_failure(void);

#endif
