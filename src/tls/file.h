/* The files that an address names: read whole, with the sentence of what is wrong with one. */
#ifndef NF_TLS_FILE_H
#define NF_TLS_FILE_H

#include "tls/state.h"

struct nf_tls_file {
    unsigned char *bytes;
    size_t size;
};

/* Read a file. NET_ADDRESS, which names the option and the path; NET_LIMIT. Not by stdio, whose
 * buffer would keep a key after it. */
int nf_tls_file_read(struct nf_tls_file *file, const char *option, const char *path,
                     net_cipher_failure *failure);
void nf_tls_file_free(struct nf_tls_file *file); /* and wipe it */

/* What the path leads to. A NULL path has no stamp. */
void nf_tls_stamp(struct nf_tls_stamp *stamp, const char *path);

/* Whether it is a directory with the certificates' hashes for names, as OpenSSL looks them up:
 * 1, 0 if it is no directory, or NET_ADDRESS if it has none. */
int nf_tls_file_is_store(const char *option, const char *path, net_cipher_failure *failure);

#endif
