/* The options and properties that the kernel keeps for a descriptor. */
#ifndef NF_SOCKET_KERNEL_H
#define NF_SOCKET_KERNEL_H

#include "socket/backend.h"

/* Set the kernel options of a new descriptor: those that the address gives, and the defaults
 * that differ from the kernel's. 0 or a code. */
int nf_kernel_apply(int fd, const struct nf_target *target);

/* Read or write a property of a descriptor. One that the kernel does not keep reads as 0, and
 * writing it does nothing. */
int nf_kernel_property(int fd, enum nf_property property, struct nf_value *value, bool write);

/* The index of the interface through which a socket sends to groups; 0: the system chooses.
 * `values` are the options of its address, `name` its own address or its peer's. */
int64_t nf_kernel_interface(const int64_t *values, const struct nf_addr *name);

/* The path MTU to a peer of a shared descriptor, through a device (0: any). Opens and connects a
 * socket for the query. 0 or a code. */
int nf_kernel_mtu(const struct nf_addr *peer, int64_t device, int64_t *mtu);

#endif
