/* The tables of all wires, for the registry and for the layers over them. The table of a connection
 * points to that of its listeners. */
#ifndef NF_WIRES_WIRES_H
#define NF_WIRES_WIRES_H

#include "socket/backend.h"

extern const struct nf_backend nf_tcp;
extern const struct nf_backend nf_udp;
extern const struct nf_backend nf_unix;
extern const struct nf_backend nf_unixgram;
extern const struct nf_backend nf_mem;
extern const struct nf_backend nf_memgram;
extern const struct nf_backend nf_file; /* fd://, where it is no socket */
extern const struct nf_backend nf_chaos_tcp;
extern const struct nf_backend nf_chaos_udp;
extern const struct nf_backend nf_chaos_unix;
extern const struct nf_backend nf_chaos_unixgram;
extern const struct nf_backend nf_chaos_mem;
extern const struct nf_backend nf_chaos_memgram;
extern const struct nf_backend nf_framed_tcp;
extern const struct nf_backend nf_framed_unix;
extern const struct nf_backend nf_framed_mem;
extern const struct nf_backend nf_framed_chaos_tcp;
extern const struct nf_backend nf_framed_chaos_unix;
extern const struct nf_backend nf_framed_chaos_mem;

#endif
