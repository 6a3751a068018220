/* The files that unix sockets are bound to: their permissions and their removal. Also the
 * credentials of a unix peer. unix(7) */
#ifndef NF_OS_LOCALFILE_H
#define NF_OS_LOCALFILE_H

#include "os/address.h"

#include <stdbool.h>
#include <stdint.h>

/* Identifies the file that a listener created. */
struct nf_localfile {
    uint64_t device;
    uint64_t inode; /* 0: none */
};

/* Bind a descriptor to a path. The file has permissions `mode` and never has wider ones. A stale
 * socket at the path, one that no process has open, is removed first. 0; NET_INUSE when a process
 * has the socket open, the file is not a socket, or another process puts a file there meanwhile;
 * another code. No other file is changed. */
int nf_localfile_bind(int fd, const struct nf_addr *path, int mode, struct nf_localfile *file);

/* Remove the file at the path if it is still the one in `file`. */
void nf_localfile_remove(const struct nf_localfile *file, const struct nf_addr *path);

struct nf_credentials {
    int64_t process;
    int64_t user;
    int64_t group;
};

/* Process, user and group of the peer, as they were when it dialed or began to listen. 0 or a code.
 * SO_PEERCRED */
int nf_localfile_peer(int fd, struct nf_credentials *peer);

#endif
