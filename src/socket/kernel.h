/* The options and properties that the kernel keeps for a descriptor. */
#ifndef NF_SOCKET_KERNEL_H
#define NF_SOCKET_KERNEL_H

#include "socket/backend.h"

/* Tell the kernel the options it keeps: those given, and the defaults that are not the kernel's
 * own. 0 or a code. */
int nf_kernel_apply(int fd, const struct nf_target *target);

/* The properties that any internet descriptor answers. */
int nf_kernel_property(int fd, enum nf_property property, struct nf_value *value, bool write);

/* The number of the interface for what is sent to groups by a socket that was opened with these
 * values and is called, or talks to, `name`; 0: the system's choice. */
int64_t nf_kernel_interface(const int64_t *values, const struct nf_addr *name);

/* The path MTU to a peer whom a shared descriptor talks to, through a device (0: any). 0 or a code.
 */
int nf_kernel_mtu(const struct nf_addr *peer, int64_t device, int64_t *mtu);

#endif
