/* What unix:// and unixgram:// have in common: names, files, binding. */
#ifndef NF_WIRES_UNIX_H
#define NF_WIRES_UNIX_H

#include "socket/backend.h"
#include "os/localfile.h"
#include "os/socket.h"

/* The options and properties that all sockets of the family have. */
#define NF_UNIX_OPTIONS                                                                            \
    (NF_OPTION(NF_SNDBUF) | NF_OPTION(NF_RCVBUF) | NF_OPTION(NF_MODE) | NF_OPTION(NF_UNLINK) |     \
     NF_OPTION(NF_SOCKOPT))
#define NF_UNIX_PROPERTIES                                                                         \
    (NF_PROPERTY(NF_SCHEME) | NF_PROPERTY(NF_LOCAL) | NF_PROPERTY(NF_PEER) |                       \
     NF_PROPERTY(NF_BYTES_SENT) | NF_PROPERTY(NF_BYTES_RECEIVED))

/* The file of a listener: which one it is, and whether and by which process it is removed. */
struct nf_unix_file {
    struct nf_localfile file;
    int process;
    int mode;
    bool unlink;
};

/* Parse the name in a target. `addr` points into `room`, of NF_ADDR_NAME_MAX bytes. If `listening`,
 * an abstract name may be empty: the system then chooses one. 0 or NET_ADDRESS. */
int nf_unix_target(const struct nf_target *target, bool listening, struct nf_addr *addr,
                   char *room);

/* Open a bound, non-blocking descriptor for a listener. `name` gets a copy of its bytes. The
 * descriptor or a code. */
int nf_unix_bind(const struct nf_target *target, enum nf_transport transport, struct nf_addr *name,
                 struct nf_unix_file *file);

/* Make an adopted descriptor refuse descriptors that its peers pass; one that was opened does so
 * already (nf_fd_open). Whether it took them before it was ours. */
bool nf_unix_refuse_rights(const struct nf_target *target, int fd);

/* Remove the listener's file, if that is wanted. Call it before the descriptor is closed. */
void nf_unix_unlink(const struct nf_unix_file *file, const struct nf_addr *name);

int nf_unix_resolve(const struct nf_target *target, net_endpoint *endpoints, int count,
                    net_deadline deadline);

#endif
