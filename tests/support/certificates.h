/* Certificates for tests of tls://, made when they are first asked for, in a directory of this
 * program. A child of a fork uses those that its parent has asked for.
 *
 * Without OpenSSL there are none: skip the test if certificates_here() is false. */
#ifndef CERTIFICATES_H
#define CERTIFICATES_H

#include <stdbool.h>

enum certificate {
    CERTIFICATE_GOOD,             /* localhost, 127.0.0.1, ::1, from certificate_ca() */
    CERTIFICATE_ANOTHER,          /* the same, with another key: to change to */
    CERTIFICATE_RENEWED,          /* the same as the good one, and of its key */
    CERTIFICATE_RSA,              /* the same, RSA of 2048 bits */
    CERTIFICATE_EXPIRED,          /* yesterday */
    CERTIFICATE_NOT_YET,          /* valid from tomorrow */
    CERTIFICATE_SELF_SIGNED,      /* trusted by nobody */
    CERTIFICATE_OTHER_HOST,       /* a.example and b.example */
    CERTIFICATE_NO_NAMES,         /* localhost in its subject only */
    CERTIFICATE_NO_ADDRESS,       /* localhost, and 127.0.0.1 as if it were a name */
    CERTIFICATE_WILDCARD,         /* *.example.test */
    CERTIFICATE_PARTIAL_WILDCARD, /* w*.example.test */
    CERTIFICATE_WEAK,             /* RSA of 1024 bits */
    CERTIFICATE_WITH_CHAIN,       /* from an intermediate, which is in the file */
    CERTIFICATE_NO_CHAIN,         /* from an intermediate, which is not in the file */
    CERTIFICATE_ODD_KEY,          /* its key is that of another certificate */
    CERTIFICATE_LOCKED_KEY,       /* its key is encrypted */
    CERTIFICATE_CONSTRAINED,      /* from an authority for names below example.test only */
    CERTIFICATE_NO_AUTHORITY,     /* from a certificate that is no authority's */
    CERTIFICATE_CLIENT,           /* for a client, of the name somebody */
    CERTIFICATE_CLIENT_EXPIRED,
    CERTIFICATE_STRANGER, /* for a client, self-signed */
    CERTIFICATES
};

bool certificates_here(void);

/* Paths of PEM files, which last until certificates_end. */
const char *certificate_file(enum certificate which);
const char *certificate_key(enum certificate which);
const char *certificate_ca(void);

/* The directory, for files of a test's own; what is in it is removed with it. */
const char *certificates_directory(void);

/* Remove the files. It happens by itself when the program exits. */
void certificates_end(void);

#endif
