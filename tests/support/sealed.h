/* Ends of an encrypted connection without a wire: the test carries the records itself. For any
 * cipher. */
#ifndef SEALED_H
#define SEALED_H

#include <netfacade/cipher.h>

#include <stdbool.h>
#include <stddef.h>

struct sealed {
    const net_cipher *cipher;
    net_cipher_settings *settings;
    net_cipher_session *session;
    net_cipher_failure failure; /* of the last call that failed */
    int greeted;                /* what the last greet returned */
    unsigned char *inbox;       /* bytes of the peer that have not been read */
    size_t inbox_size;
    size_t inbox_capacity;
};

/* Settings for options such as "cert=/a.pem key=/b.pem"; NULL, with the failure. */
net_cipher_settings *sealed_settings(const net_cipher *cipher, const net_cipher_settings *old,
                                     int side, const char *options, net_cipher_failure *failure);

/* Open a session with settings of its own. False, with the failure. */
bool sealed_open(struct sealed *end, const net_cipher *cipher, int side, const char *options,
                 const char *host, const char *port);
void sealed_close(struct sealed *end);

/* The calls of the table, with what is in the inbox lent for as long as the call takes, or at most
 * `bytes` of it. */
int sealed_greet(struct sealed *end, size_t bytes);
ssize_t sealed_encrypt(struct sealed *end, const void *data, size_t size);
ssize_t sealed_decrypt(struct sealed *end, void *buffer, size_t size);
ssize_t sealed_peek(struct sealed *end, void *buffer, size_t size);

/* Put bytes of the peer into the inbox. Take bytes for the peer. */
void sealed_give(struct sealed *end, const void *bytes, size_t size);
size_t sealed_take(struct sealed *end, void *buffer, size_t size);

/* Carry all that `from` has for the peer, `step` bytes at a time; how many. */
size_t sealed_carry(struct sealed *from, struct sealed *to, size_t step);

/* Shake hands, with `step` bytes at a time, until both are done or one fails; whether both are. */
bool sealed_shake(struct sealed *client, struct sealed *server, size_t step);

/* Send all of it from one to the other, and compare what arrives. */
bool sealed_say(struct sealed *from, struct sealed *to, const void *data, size_t size);

#endif
