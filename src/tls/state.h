/* What settings and a session are made of. There are no functions here: the files of this room work
 * on these structures, each on its part. */
#ifndef NF_TLS_STATE_H
#define NF_TLS_STATE_H

#include <netfacade/cipher.h>

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <sys/types.h>

/* The options, in the order of the table of properties, in which they come first. */
enum nf_tls_option {
    NF_TLS_CA,
    NF_TLS_CERT,
    NF_TLS_KEY,
    NF_TLS_NAME,
    NF_TLS_ALPN,
    NF_TLS_MIN_VERSION,
    NF_TLS_VERIFY,
    NF_TLS_TICKETS,
    NF_TLS_OPTIONS /* how many there are */
};

/* Tells whether a file is still the one that was read; all zero: there was none. */
struct nf_tls_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

/* Of ca, cert and key; and of the system's store, a file and a directory. */
enum { NF_TLS_STAMPS = 5 };

struct nf_tls_remembered;

struct net_cipher_settings {
    SSL_CTX *context;
    int side;
    bool verify;
    bool resumes;        /* a client that remembers sessions */
    size_t references;   /* under the library's lock; only a client's are shared */
    unsigned char *alpn; /* as it is sent: each name after its length */
    unsigned alpn_size;
    char *values[NF_TLS_OPTIONS]; /* NULL: not given */
    struct nf_tls_stamp stamps[NF_TLS_STAMPS];
    struct nf_tls_remembered *remembered; /* under the library's lock; NULL: no session yet */
};

struct net_cipher_session {
    SSL *ssl;
    net_cipher_settings *settings;

    /* Bytes of the peer that are lent, and not read yet. */
    const unsigned char *loan;
    size_t lent;

    /* Records for the peer. The buffer exists while it holds some. */
    unsigned char *sealed;
    size_t sealed_begin;
    size_t sealed_end;
    size_t sealed_capacity;
    size_t answered; /* bytes that reading made, since the buffer was last empty */

    char *name;  /* a client: the host that is verified, or NULL */
    char *place; /* a client that may resume: host and port */

    /* Why it failed, for the calls that come after. */
    int code;
    char *reason;

    bool reading : 1; /* inside decrypt or peek: what is written now answers the peer */
    bool asked : 1;   /* the peer asked for a certificate, and we have none */
    bool greeted : 1;
    bool ended : 1; /* the peer has said that it sends no more */
    bool news : 1;  /* it ended or failed, behind bytes that were handed out first */
};

#endif
