/* A cipher without cryptography, for testing what carries ciphers: the scheme `toy`. It checks what
 * cipher.h promises to a cipher, and ends the program with a sentence when that is broken:
 *
 *     one thread at a time in a session, in the process that opened it; nothing after close
 *     encrypt, decrypt, peek and finish only after greet; finish once; nothing sent after it
 *     after a failure only yield, waiting, text, close, and the end of a loan
 *     no size of 0; what was not read of a loan comes first in the next one
 *     only known options, with values that they may have; settings outlive their sessions
 *
 * A record is a type, three bytes for the length of its body, the highest first, and the body. Once
 * both have said hello, bodies are mixed with what both said and with the place of the record, and
 * end with a check: bytes that are lost, doubled or in the wrong order are NET_RESET.
 *
 *     client                 server
 *     HELLO ---------------->
 *           <---------------- HELLO
 *     DONE  ---------------->             the client is ready when it has said this, the server
 *     DATA  <---------------> DATA        when it has heard it
 *     FINISH <-------------> FINISH
 *
 * Its options: `motto` is told to the peer. Both must have the same `color`, unless `strict=off`;
 * and the same `password`. `mood` means nothing. `faults` is a list, such as
 * "sip:1,refuse:2:denied:go away":
 *
 *     sip:N           one call reads at most N bytes of a loan, and says HUNGRY then
 *     yield:N give:N take:N   yield, decrypt and encrypt move at most N bytes in one call
 *     record:N        the most bytes of a record, 16000 if not said: up to TOY_BODY_MOST
 *     empty:N         N empty records before each one with bytes
 *     ask:N           each record asks the peer for an answer of N bytes, which decrypt makes there
 *     tickets:N       the server says N records of no meaning once it has shaken hands
 *     chatter         the handshake never ends while it is fed; it answers each record
 *     unfinished      finish says nothing
 *     silent          a failure says nothing to the peer
 *     break-encrypt:N break-decrypt:N   the Nth that moves bytes fails with NET_RESET
 *     memory:N        there is no memory for the Nth allocation of a session
 *     refuse:STEP:CODE:TEXT   greet fails: 1 at once, 2 after the peer's hello, 3 after its DONE
 *     configure:CODE:TEXT  open:CODE:TEXT  text:CODE:TEXT   this function fails
 *
 * CODE is denied, reset, limit, address, or eof. */
#ifndef TOY_CIPHER_H
#define TOY_CIPHER_H

#include <netfacade/cipher.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { TOY_BODY_MOST = (1 << 24) - 16 };

extern const net_cipher toy_cipher;

enum toy_call {
    TOY_CONFIGURE,
    TOY_RELEASE,
    TOY_OPEN,
    TOY_CLOSE,
    TOY_GREET,
    TOY_ENCRYPT,
    TOY_DECRYPT,
    TOY_PEEK,
    TOY_FINISH_CALL,
    TOY_FEED,
    TOY_YIELD,
    TOY_WAITING,
    TOY_TEXT,
    TOY_CALLS
};

/* How often each function was called, in this process. */
extern atomic_long toy_calls[TOY_CALLS];

/* The most bytes that one session had for its peer, and that it held of its peer's, since this was
 * last set to 0. */
extern atomic_long toy_sealed_most;
extern atomic_long toy_held_most;

/* Sessions and settings that exist. */
long toy_sessions(void);
long toy_settings(void);

/* ---- For a peer that is driven by hand ---- */

enum toy_type {
    TOY_HELLO = 1,
    TOY_DONE,
    TOY_DATA,
    TOY_FINISH,
    TOY_ALERT,
    TOY_ASK,
    TOY_ANSWER,
    TOY_NOISE, /* no meaning, in a handshake */
    TOY_TICKET /* no meaning, after it */
};

/* Add any record to what yield hands out. */
void toy_add(net_cipher_session *session, enum toy_type type, const void *body, size_t size);

/* The settings that an address with these options would make. */
net_cipher_settings *toy_configure(int side, const char *faults, net_cipher_failure *failure);

#endif
