/* Descriptors that somebody else opened: what they are, and making them ours. */
#ifndef NF_OS_DESCRIPTOR_H
#define NF_OS_DESCRIPTOR_H

#include "os/socket.h"

struct nf_descriptor {
    enum nf_family family; /* NF_NOWHERE: a kind of socket that is none of ours */
    enum nf_transport transport;
    bool is_listening;
    bool is_connected;
    bool is_file;      /* no socket, but a pipe, FIFO, terminal, device or file that can be read */
    bool never_waits;  /* and a read of it returns at once */
    bool blocks;       /* its calls wait */
    bool is_inherited; /* it stays open at an exec */
    char summary[40];  /* "IPv6 stream, protocol 6", for a sentence */
};

/* 0, or NET_ADDRESS: it is not open, or nothing that one can talk or listen to. */
int nf_descriptor_ask(int fd, struct nf_descriptor *what);

/* Close it at an exec; and if it listens, let accept(2), which cannot be told so by a flag, not
 * wait on it. 0 or a code. */
int nf_descriptor_take(int fd);

/* The first half of this. */
int nf_descriptor_close_on_exec(int fd);

/* Undo nf_descriptor_take: it is as `what` said before. 0 or a code. */
int nf_descriptor_give_back(int fd, bool blocks, bool is_inherited);

#endif
