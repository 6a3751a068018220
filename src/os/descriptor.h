/* Descriptors that the library did not open: find out what they are, adopt them, give them back. */
#ifndef NF_OS_DESCRIPTOR_H
#define NF_OS_DESCRIPTOR_H

#include "os/socket.h"

struct nf_descriptor {
    enum nf_family family; /* NF_NOWHERE: a kind of socket that is not supported */
    enum nf_transport transport;
    bool is_listening;
    bool is_connected;
    bool is_file;     /* not a socket but a pipe, FIFO, terminal, device or file that can be read */
    bool never_waits; /* and a read of it never blocks */
    bool blocks;      /* O_NONBLOCK is off */
    bool is_inherited; /* FD_CLOEXEC is off */
    char summary[40];  /* for a sentence: "IPv6 stream, protocol 6" */
};

/* Describe `fd`. 0; NET_ADDRESS: it is not open, or neither a socket nor a file to read;
 * NET_MISUSE: a file that is open for writing only. */
int nf_descriptor_ask(int fd, struct nf_descriptor *what);

/* Open a FIFO that has a name, or a pseudoterminal, a second time: a read of the new descriptor
 * never waits, and `fd` stays as its processes have set it. Returns -1 if it is something else, or
 * if the system does not allow it. */
int nf_descriptor_open_again(int fd);

/* Adopt it: set FD_CLOEXEC and, for a listener, O_NONBLOCK, since accept(2) has no flag for one
 * call that must not block. 0 or a code. */
int nf_descriptor_take(int fd);

/* Set FD_CLOEXEC alone. 0 or a code. */
int nf_descriptor_close_on_exec(int fd);

/* Undo nf_descriptor_take: restore the flags that nf_descriptor_ask reported. 0 or a code. */
int nf_descriptor_give_back(int fd, bool blocks, bool is_inherited);

#endif
