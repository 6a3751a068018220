/* For authors of encrypted wires, and for programs that link one statically. A program that only
 * dials tls:// needs nothing of this.
 *
 * A cipher turns bytes into records and back: memory in, memory out. It has no descriptor, waits
 * for nothing and starts no thread. netfacade does the rest: it moves the records over tcp, unix or
 * mem, waits with deadlines, and makes of it a scheme with the verbs of netfacade.h. A cipher of
 * the scheme `tls` serves
 *
 *     tls://HOST:PORT   tls+unix://PATH   tls+mem://NAME   tls+fd://N?side=client
 *     chaos+tls://...   framed+tls://...
 *
 * Settings are what a listener or a dial was told by its address. A session is one connection. A
 * session is used by one thread at a time, and in one process alone; different sessions of the same
 * settings are used by many threads at once. netfacade-tls(7), docs/architecture.md */
#ifndef NETFACADE_CIPHER_H
#define NETFACADE_CIPHER_H

#include <netfacade.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define NET_CIPHER_VERSION 1

/* A session needs bytes of the peer to go on: feed it, and call again. It is no net_code. */
#define NET_CIPHER_HUNGRY (-1000)

/* Which side of a connection, or that a listener is meant, whose sessions are servers. */
enum { NET_CIPHER_CLIENT, NET_CIPHER_SERVER };

/* What a session has ready, of `waiting`. */
enum {
    NET_CIPHER_PLAIN = 1, /* bytes of the peer, or its end, which decrypt hands out unfed */
    NET_CIPHER_SEALED = 2 /* bytes for the peer, which yield hands out */
};

/* What an entry of `properties` may do. Each can be read with net_get. */
enum {
    NET_CIPHER_OPTION = 1,   /* an address may give it */
    NET_CIPHER_SETTABLE = 2, /* net_set changes it on a listener, for the sessions that come */
    NET_CIPHER_LINES = 4,    /* its text may have line feeds, and is safe to print as it is */
    NET_CIPHER_SECRET = 8    /* net_get refuses it; a sentence quotes the address that has it */
};

/* An option, or a property that can only be read. An option's value is text: any that is not empty,
 * or one of `choices`, separated by `|`. It is a number for net_get_number if they are "off|on". In
 * an address, %XX is one byte of it. */
typedef struct net_cipher_property {
    const char *name;
    const char *choices;  /* NULL: any text */
    const char *standard; /* what configure gets if the address does not say it; may be NULL */
    unsigned flags;
} net_cipher_property;

/* Why a function failed: the code that the verbs return, and the rest of the sentence, after the
 * code's own text. The sentence is escaped when it is printed, so it may quote a peer. */
typedef struct net_cipher_failure {
    int code;
    char text[480];
} net_cipher_failure;

/* Defined by the cipher. */
typedef struct net_cipher_settings net_cipher_settings;
typedef struct net_cipher_session net_cipher_session;

/* Every member has to be set. Functions that can fail fill `failure`, and return NULL or its code
 * if not said otherwise. After a failure of greet, encrypt, decrypt or peek a session is only asked
 * to yield, which hands out an alert, what it has waiting, for text, to end a loan, and closed;
 * NET_LIMIT of encrypt, which has then taken nothing, is no such failure. */
typedef struct net_cipher {
    int version;        /* NET_CIPHER_VERSION; members that come later count only above it */
    const char *scheme; /* at most 8 small letters and digits, a letter first; no wire's name */
    const net_cipher_property *properties; /* at most 24; one with a NULL name ends them */

    /* ---- Settings ---- */

    /* Make settings for one side. `values` are in the order of `properties`: the text of each
     * option, its `standard`, or NULL. With `old`, an option that is NULL keeps the value that it
     * has there; settings for a change (net_set) have only the changed one. May read files, and
     * block for that. Code: NET_ADDRESS for an option or a file that does not fit; NET_LIMIT. */
    net_cipher_settings *(*configure)(const net_cipher_settings *old, const char *const *values,
                                      int side, net_cipher_failure *failure);
    void (*release)(net_cipher_settings *settings); /* its sessions are closed before */

    /* ---- Sessions ---- */

    /* Open a session. For a client `host` is the host of the address, a name or a numeric address
     * without brackets, and `port` a number; NULL where the wire below has none. */
    net_cipher_session *(*open)(net_cipher_settings *settings, int side, const char *host,
                                const char *port, net_cipher_failure *failure);
    void (*close)(net_cipher_session *session); /* in the process that opened it */

    /* Shake hands: 0 when the session can encrypt and decrypt, NET_CIPHER_HUNGRY, or a code:
     * NET_DENIED if a certificate is refused, by us or by the peer; else NET_RESET. */
    int (*greet)(net_cipher_session *session, net_cipher_failure *failure);

    /* Take at most `size` bytes, above 0, for the peer; how many, at least 1; or a code. The
     * records are yielded. NET_CIPHER_HUNGRY: a message of the peer has begun, and decrypt or peek
     * has to read the rest of it first. */
    ssize_t (*encrypt)(net_cipher_session *session, const void *data, size_t size,
                       net_cipher_failure *failure);

    /* Hand out at most `size` bytes, above 0, of the peer, at least 1. NET_CIPHER_HUNGRY; NET_EOF
     * if the peer has said that it sends no more; or a code. A peek leaves them. */
    ssize_t (*decrypt)(net_cipher_session *session, void *buffer, size_t size,
                       net_cipher_failure *failure);
    ssize_t (*peek)(net_cipher_session *session, void *buffer, size_t size,
                    net_cipher_failure *failure);

    /* Say to the peer that nothing more is sent; what says it is yielded. Called once, after greet
     * has returned 0. Receiving goes on. */
    void (*finish)(net_cipher_session *session);

    /* Lend the session bytes of the peer, which greet, decrypt and peek read. It ends the loan
     * before, and returns how many bytes of that have not been read: they are lent again. */
    size_t (*feed)(net_cipher_session *session, const void *bytes, size_t size);

    /* Hand out at most `size` bytes for the peer, which the session does not keep; how many. */
    size_t (*yield)(net_cipher_session *session, void *buffer, size_t size);

    /* What it has ready: NET_CIPHER_PLAIN, NET_CIPHER_SEALED. */
    unsigned (*waiting)(const net_cipher_session *session);

    /* Read a property, or an option as it is in force, as snprintf does. `session` is NULL on a
     * listener, and before the session is opened. Returns the length of the text, 0 for what is not
     * known, or a code. */
    int (*text)(const net_cipher_settings *settings, const net_cipher_session *session,
                const char *name, char *buffer, size_t size, net_cipher_failure *failure);
} net_cipher;

/* Other programs have such names, too: see netfacade.h. */
#ifdef __PRAGMA_REDEFINE_EXTNAME
#pragma redefine_extname net_use_cipher netfacade_use_cipher
#pragma redefine_extname net_tls netfacade_tls
#endif

/* Make the schemes of a cipher known. The table stays in use until the process ends. The cipher of
 * tls:// is loaded by itself where a program is linked with the shared library; a program that is
 * linked statically, and a privileged one that finds no cipher at the path fixed when netfacade was
 * built, say net_use_cipher(net_tls()). Any thread may call it. Returns 0, also when this cipher is
 * known already.
 *
 * NET_MISUSE: NULL, a member that is not set, or a scheme that cannot be one. NET_UNSUPPORTED: a
 * version that this library does not know. NET_INUSE: another cipher has the scheme. NET_LIMIT. */
int net_use_cipher(const net_cipher *cipher);

/* TLS 1.2 and 1.3 over OpenSSL: the cipher of tls://, in libnetfacade-tls. */
const net_cipher *net_tls(void);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
