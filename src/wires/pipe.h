/* fd:// of what is no socket, for the registry. */
#ifndef NF_WIRES_PIPE_H
#define NF_WIRES_PIPE_H

extern const struct nf_backend nf_pipe;

#endif
