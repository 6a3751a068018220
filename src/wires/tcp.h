/* The backend of tcp://, for the registry. */
#ifndef NF_WIRES_TCP_H
#define NF_WIRES_TCP_H

#include "socket/backend.h"

extern const struct nf_backend nf_tcp;

#endif
