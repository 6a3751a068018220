/* TLS 1.3 over tcp at 127.0.0.1, in two ways: OpenSSL on raw sockets, and netfacade. Both use the
 * same certificate of the curve P-256, the same cipher, and settings that are made once. */
#ifndef BENCH_TLS_STACK_H
#define BENCH_TLS_STACK_H

#include <stdbool.h>
#include <stddef.h>

#define TLS_CIPHER "TLS_AES_128_GCM_SHA256"

struct stack {
    /* Listen; with tickets, or without a way to resume. */
    void (*start)(bool resumes);
    void (*stop)(void);

    /* Let the accept of another thread return NULL, as do all later ones. */
    void (*interrupt)(void);

    /* Both return a connection that has shaken hands. */
    void *(*dial)(void);
    void *(*accept)(void);

    long (*send)(void *connection, const void *data, size_t size); /* all of it */
    long (*recv)(void *connection, void *buffer, size_t size);     /* what there is; 0: the end */
    void (*close)(void *connection);
    const char *(*cipher)(void *connection, char *buffer, size_t size);
};

extern const struct stack stack_raw;
extern const struct stack stack_facade;

#endif
