/* Sockets of the unix family, for the registry and among themselves. */
#ifndef NF_WIRES_UNIX_H
#define NF_WIRES_UNIX_H

#include "socket/backend.h"
#include "os/localfile.h"
#include "os/socket.h"

/* Of all sockets of the family. */
#define NF_UNIX_OPTIONS                                                                            \
    (NF_OPTION(NF_SNDBUF) | NF_OPTION(NF_RCVBUF) | NF_OPTION(NF_MODE) | NF_OPTION(NF_UNLINK) |     \
     NF_OPTION(NF_SOCKOPT))
#define NF_UNIX_PROPERTIES                                                                         \
    (NF_PROPERTY(NF_SCHEME) | NF_PROPERTY(NF_LOCAL) | NF_PROPERTY(NF_PEER) |                       \
     NF_PROPERTY(NF_BYTES_SENT) | NF_PROPERTY(NF_BYTES_RECEIVED))

/* The file of a listener: what to do with it when that is closed, and by whom. */
struct nf_unix_file {
    struct nf_localfile file;
    int process;
    int mode;
    bool unlink;
};

/* Whom a target names: its name is in `room`, of NF_ADDR_NAME_MAX bytes. To listen, an abstract
 * name may be empty: any. 0 or NET_ADDRESS. */
int nf_unix_target(const struct nf_target *target, bool listening, struct nf_addr *addr,
                   char *room);

/* A bound, non-blocking descriptor for a listener; `name` keeps its bytes. The descriptor or a
 * code. */
int nf_unix_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name,
                 struct nf_unix_file *file);

/* The listener closes; its descriptor is still open. */
void nf_unix_unlink(const struct nf_unix_file *file, const struct nf_addr *name);

int nf_unix_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                    net_deadline deadline);

#endif
