/* The files of unix sockets: who may use them, whose they are, when they are removed. unix(7) */
#ifndef NF_OS_LOCALFILE_H
#define NF_OS_LOCALFILE_H

#include "os/address.h"

#include <stdbool.h>
#include <stdint.h>

/* Which file it was that a listener made. */
struct nf_localfile {
    uint64_t device;
    uint64_t inode; /* 0: none */
};

/* Bind a descriptor to a path that has permissions `mode`, and never had wider ones. A socket that
 * stands there and is nobody's any more is removed. 0; NET_INUSE when it is somebody's, or when the
 * file is no socket; another code. */
int nf_localfile_bind(int fd, const struct nf_addr *path, int mode, struct nf_localfile *file);

/* Remove it if it is still the same file. */
void nf_localfile_remove(const struct nf_localfile *file, const struct nf_addr *path);

/* Process and user at the other end, as they were when it was dialed or began to listen. 0 or a
 * code. SO_PEERCRED */
struct nf_credentials {
    int64_t process;
    int64_t user;
    int64_t group;
};

int nf_localfile_peer(int fd, struct nf_credentials *peer);

#endif
