/* The backend of tcp://, for the registry. */
#ifndef NF_BACKENDS_TCP_H
#define NF_BACKENDS_TCP_H

#include "socket/backend.h"

extern const struct nf_backend nf_tcp;

#endif
