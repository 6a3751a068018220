/* netfacade - a socket is a telephone.
 *
 * You dial (net_connect), or you wait for a call (net_listen, net_accept); you talk (net_send,
 * net_recv); you hang up (net_close). The address says which wire carries the call; the functions
 * are the same for all:
 *
 *     scheme://target[?option=value[&option=value]...]
 *
 *     tcp://db.example:5432   tls://example.org:443   udp://:7000?idle=30s   unix:///run/me
 *
 * netfacade(7) lists the schemes, the options of each, and the rules of threads and fork.
 *
 * Common to every function:
 *  - A function that returns a handle returns NULL on failure; the others return a negative code of
 * `enum net_code`. net_error() and net_error_text() tell the calling thread's last failure; a
 * success leaves them as they were. When a send or net_recv_all returns a smaller count than you
 * asked for, that is no success: they tell why it ended there.
 *  - A call waits until its deadline and no longer, restarts by itself after a signal, and never
 * raises SIGPIPE. A deadline limits waiting, not work: after it, a call still hands out what is
 * there.
 *  - NET_MISUSE is the answer to a NULL or a wrong kind of socket, to a deadline that net_after did
 * not make and to a size over SSIZE_MAX. NET_CANCELED is the answer of every call that talks or
 * waits on a cancelled socket.
 *  - A call on a socket that is still dialing (see net_connect) waits for the dial first, within
 * the call's deadline. If the dial fails, the call fails with the dial's code and sentence.
 *  - framed+SCHEME:// carries messages over a stream: sends and receives are those of datagrams;
 * accept, shutdown, close and the end are those of the stream.
 *  - Many threads may use one socket at once. Only net_close must be alone: cancel, join, close.
 */
#ifndef NETFACADE_H
#define NETFACADE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define NET_VERSION_MAJOR 0
#define NET_VERSION_MINOR 1
#define NET_VERSION_PATCH 0

typedef struct net_socket net_socket; /* a listener or a connection, on any transport */
typedef struct net_poller net_poller; /* a set of sockets to wait on */
typedef int64_t net_deadline;         /* a moment, not a duration: see net_after */

#define NET_NOW     0                  /* do not wait */
#define NET_FOREVER 0x7fffffffffffffff /* wait without limit */

/* Why a call failed. All are negative, none is -1. Treat one that is added later as NET_SYSTEM. */
enum net_code {
    NET_EOF = -2,      /* the peer has finished sending; there is nothing more to receive */
    NET_TIMEOUT = -3,  /* the deadline passed first; nothing is pending, call again to go on */
    NET_CANCELED = -4, /* net_cancel was called on this socket */
    NET_REFUSED = -5,  /* nothing listens there */
    NET_RESET = -6, /* the connection was broken off; what had arrived was handed out before this */
    NET_UNREACHABLE = -7,  /* no route, no IPv6 here, no answer, or no port to answer to */
    NET_NAME = -8,         /* host or service name unknown */
    NET_ADDRESS = -9,      /* malformed; unknown scheme, option or property; a value out of range */
    NET_INUSE = -10,       /* another socket has that address */
    NET_DENIED = -11,      /* the system's rules forbid it, or a certificate was refused */
    NET_TOOBIG = -12,      /* a datagram, a message or a line does not fit */
    NET_MISUSE = -13,      /* this call does not fit this socket or argument */
    NET_LIMIT = -14,       /* descriptors, memory, ports or a configured bound are used up */
    NET_UNSUPPORTED = -15, /* not on this system or in this build */
    NET_SYSTEM = -16       /* anything else from the system; its errno is in the sentence */
};

/* A piece of memory to send: `size` bytes at `data`. */
typedef struct net_slice {
    const void *data;
    size_t size;
} net_slice;

/* The peer of a datagram. It is a value: copy it, keep it, compare it. Two endpoints are the same
 * peer when their `remote` bytes are equal. `local` is the local address that the peer used, so
 * that an answer leaves from it. Unused bytes are zero; an endpoint of zeros names no peer. */
typedef struct net_endpoint {
    unsigned char remote[112];
    unsigned char local[32];
} net_endpoint;

/* One datagram, or message, of a batch. `capacity` is how many bytes a receive may write at `data`;
 * `size` is how many were received, or are to be sent. `size` > `capacity` then says that it did
 * not fit and was dropped. `reserved` is room to grow: all zero before the first use. */
typedef struct net_message {
    void *data;
    size_t capacity;
    size_t size;
    net_endpoint endpoint;
    unsigned char reserved[8];
} net_message;

/* What you ask a poller for, and what it reports. */
enum {
    NET_READABLE = 1, /* a receive or accept would not wait: something is there, or a failure */
    NET_WRITABLE = 2, /* a send would not wait; on a dialing socket: the dial is decided */
    NET_EXPIRED = 4   /* never asked for: the deadline given to net_poller_watch has passed */
};

/* What happened to one watched socket. */
typedef struct net_event {
    net_socket *socket;
    void *user;        /* as given to net_poller_watch */
    unsigned ready;    /* of NET_READABLE, NET_WRITABLE, NET_EXPIRED; never 0 */
    unsigned reserved; /* 0 */
} net_event;

/* Other programs have a net_send, too, so the linker knows these functions by longer names. The
 * library may also export the plain ones, for dlsym(3) and other languages. */
#ifdef __PRAGMA_REDEFINE_EXTNAME
#pragma redefine_extname net_accept netfacade_accept
#pragma redefine_extname net_address netfacade_address
#pragma redefine_extname net_after netfacade_after
#pragma redefine_extname net_cancel netfacade_cancel
#pragma redefine_extname net_close netfacade_close
#pragma redefine_extname net_connect netfacade_connect
#pragma redefine_extname net_endpoint_text netfacade_endpoint_text
#pragma redefine_extname net_error netfacade_error
#pragma redefine_extname net_error_text netfacade_error_text
#pragma redefine_extname net_fd netfacade_fd
#pragma redefine_extname net_get netfacade_get
#pragma redefine_extname net_get_number netfacade_get_number
#pragma redefine_extname net_listen netfacade_listen
#pragma redefine_extname net_poller_close netfacade_poller_close
#pragma redefine_extname net_poller_fd netfacade_poller_fd
#pragma redefine_extname net_poller_list netfacade_poller_list
#pragma redefine_extname net_poller_open netfacade_poller_open
#pragma redefine_extname net_poller_wait netfacade_poller_wait
#pragma redefine_extname net_poller_wake netfacade_poller_wake
#pragma redefine_extname net_poller_watch netfacade_poller_watch
#pragma redefine_extname net_recv netfacade_recv
#pragma redefine_extname net_recv_all netfacade_recv_all
#pragma redefine_extname net_recv_messages netfacade_recv_messages
#pragma redefine_extname net_recv_until netfacade_recv_until
#pragma redefine_extname net_release netfacade_release
#pragma redefine_extname net_resolve netfacade_resolve
#pragma redefine_extname net_send netfacade_send
#pragma redefine_extname net_send_messages netfacade_send_messages
#pragma redefine_extname net_send_vector netfacade_send_vector
#pragma redefine_extname net_set netfacade_set
#pragma redefine_extname net_shutdown netfacade_shutdown
#pragma redefine_extname net_strerror netfacade_strerror
#pragma redefine_extname net_version netfacade_version
#endif

/* For results that must be used: a handle, a descriptor, a count that may be short. */
#ifdef __GNUC__
#define NET_USE_RESULT __attribute__((warn_unused_result))
#else
#define NET_USE_RESULT
#endif

/* The moment `milliseconds` from now, on the monotonic clock: NET_NOW < every moment < NET_FOREVER,
 * and the difference of two moments is in nanoseconds. A negative duration is a moment that has
 * passed; one too long to represent is NET_FOREVER. clock_gettime(2) */
net_deadline net_after(int64_t milliseconds);

/* ---- The five verbs, and hanging up ---- */

/* Wait for calls at `address`: a literal, `localhost`, or the wildcard (an empty host or `*`: every
 * interface, IPv4 and IPv6). Port 0 asks for any free port; net_get(socket, "port") tells which.
 * Never blocks (tls reads its files), resolves no name. Returns a listener; you close it.
 *
 * NULL: NET_ADDRESS (also a host name, or an address that no interface has), NET_NAME (service
 * unknown), NET_INUSE, NET_DENIED, NET_LIMIT, NET_UNSUPPORTED (no such address family, or no tls,
 * here), NET_SYSTEM, NET_MISUSE. bind(2), listen(2) */
NET_USE_RESULT net_socket *net_listen(const char *address);

/* Pick up the next connection. On datagrams, pick up the next peer: it gets a socket of its own,
 * with its first datagram waiting in it; an admitted peer (see net_set) comes before all others,
 * with or without a datagram. The new socket has the options of the listener, and outlives it.
 * Blocks until `deadline`, but never for a handshake of tls: the first call on the new socket does
 * that, or a poller. You close it.
 *
 * NULL: NET_TIMEOUT, NET_CANCELED, NET_LIMIT (no descriptor within 100 ms, no memory, or `peers`
 * used up: the peer stays with the listener), NET_DENIED, NET_SYSTEM, NET_MISUSE. accept(2) */
NET_USE_RESULT net_socket *net_accept(net_socket *listener, net_deadline deadline);

/* Dial. Both address families are resolved at once and raced as RFC 8305 says; the sentence of a
 * failure names every attempt. Over tls the dial includes the handshake, which verifies the peer.
 * Blocks until `deadline`. With NET_NOW it returns at once, with a socket still dialing: calls on
 * it wait for the dial within their deadlines, and net_cancel and net_close end it. You close it.
 *
 * NULL: NET_ADDRESS (also a wildcard or port 0), NET_NAME, NET_REFUSED, NET_UNREACHABLE,
 * NET_TIMEOUT, NET_RESET, NET_DENIED (also a certificate), NET_INUSE (the source address, or the
 * same connection again), NET_LIMIT, NET_UNSUPPORTED, NET_SYSTEM, NET_MISUSE; with NET_NOW only
 * NET_ADDRESS, NET_LIMIT, NET_UNSUPPORTED and NET_MISUSE. connect(2) */
NET_USE_RESULT net_socket *net_connect(const char *address, net_deadline deadline);

/* Talk. On a stream, sends all `size` bytes; on datagrams, sends exactly one. Sends of several
 * threads never mix. Blocks until the system has taken all, or until `deadline`. Returns `size` (on
 * framed+ once a byte is out, on tls once it is encrypted: the rest goes first later), or on a
 * stream the smaller number of bytes taken when a deadline, a cancel or a failure stopped it part
 * way: net_error() says which, and the next call says it again if the cause lasts. So
 * `if ((size_t)net_send(...) != size) puts(net_error_text());` is always right.
 *
 * NET_TIMEOUT, NET_CANCELED, NET_RESET (and nothing more can be sent), NET_REFUSED (datagrams: an
 * earlier one was refused; reported once), NET_UNREACHABLE, NET_DENIED, NET_TOOBIG (datagrams),
 * NET_LIMIT, NET_UNSUPPORTED, NET_SYSTEM, NET_MISUSE (also a listener, and a send after
 * net_shutdown). send(2) */
ssize_t net_send(net_socket *socket, const void *data, size_t size, net_deadline deadline);

/* Listen. On a stream, receives what is there, 1 to `size` bytes; on datagrams, exactly one, and 0
 * is an empty one. Blocks until something is there, or until `deadline`. Returns how many bytes.
 *
 * NET_EOF (and again NET_EOF; on datagrams, an accepted peer was silent for `idle`), NET_TIMEOUT,
 * NET_CANCELED, NET_RESET (never NET_EOF after a broken connection, inside a message, or where tls
 * was cut), NET_DENIED (tls: a certificate), NET_TOOBIG (one over `size`: dropped, its length in
 * the sentence), NET_REFUSED (datagrams: one sent earlier was refused; reported once),
 * NET_UNREACHABLE, NET_LIMIT, NET_SYSTEM, NET_MISUSE (also a listener). recv(2) */
NET_USE_RESULT ssize_t net_recv(net_socket *socket, void *buffer, size_t size,
                                net_deadline deadline);

/* Hang up. Frees `socket` in every case; NULL is allowed. With NET_NOW it closes this process's
 * copy and nothing else: if bytes from the peer are unread, the system resets the connection, which
 * may destroy your last answer on its way. With a deadline, on a stream, it finishes sending,
 * half-closes, and reads until the peer has closed too. After net_set(socket, "reset", "on") it
 * resets a stream, whatever the deadline. Returns 0.
 *
 * NET_TIMEOUT: the deadline passed first. NET_UNSUPPORTED: the peer of a unix stream sees an end
 * and no reset, because the system can reset it only while bytes from the peer are unread.
 * NET_MISUSE: not a deadline; closed as with NET_NOW. close(2); RFC 1122, 4.2.2.13 */
int net_close(net_socket *socket, net_deadline deadline);

/* ---- Around a call ---- */

/* Receive exactly `size` bytes of a stream. Blocks until they are there, or until `deadline`.
 * Returns `size`, or the smaller number that came before the end, the deadline, a cancel or a
 * failure: net_error() says which, and the next call says it again if the cause lasts. The failures
 * of net_recv; NET_MISUSE on datagrams. */
NET_USE_RESULT ssize_t net_recv_all(net_socket *socket, void *buffer, size_t size,
                                    net_deadline deadline);

/* Receive up to and including the byte `delimiter` (0 to 255); adds no NUL, and takes nothing
 * beyond the delimiter from the system (over tls: from the stream). Blocks until it is there, or
 * until `deadline`. Returns the number of bytes with the delimiter; the last bytes before the end
 * may come without one.
 *
 * NET_TIMEOUT: no delimiter yet. NET_TOOBIG: none in the first `size` bytes. Either way nothing is
 * lost: the socket keeps what came, and the next receive of any kind hands it out first. After
 * NET_TIMEOUT a poller reports the socket when more comes; at other times it reports kept bytes,
 * too. A foreign loop cannot see kept bytes: call until NET_TIMEOUT. NET_LIMIT: no memory to keep
 * them; they wait in the system. Also the failures of net_recv; NET_MISUSE on datagrams. */
NET_USE_RESULT ssize_t net_recv_until(net_socket *socket, void *buffer, size_t size, int delimiter,
                                      net_deadline deadline);

/* Send `count` slices one after the other, as one net_send of all their bytes: on datagrams, one
 * datagram. The returns and failures of net_send; NET_MISUSE for a count below 1. sendmsg(2) */
ssize_t net_send_vector(net_socket *socket, const net_slice *slices, int count,
                        net_deadline deadline);

/* Half-close a stream: you have finished sending. The peer reads the end after your last byte, and
 * you can still receive. Never blocks. Returns 0, also the second time. NET_RESET, NET_CANCELED,
 * NET_MISUSE (datagrams, listeners), NET_TIMEOUT (still dialing). shutdown(2) */
int net_shutdown(net_socket *socket);

/* Make every call in progress on `socket`, and every later one but get, set, fd, watch and close,
 * return NET_CANCELED, within 100 ms. A connection's peer sees an end (over tls a reset); a
 * listener's descriptor goes on serving other processes that share it. The last caller to get
 * NET_CANCELED may close the socket at once: net_close waits until net_cancel is over. From any
 * thread or signal handler; keeps errno; NULL is allowed; a second call does nothing. */
void net_cancel(net_socket *socket);

/* ---- Datagrams, to and from anyone; messages of framed+, to and from the peer ---- */

/* Send `count` datagrams, each `size` bytes at `data` to its `endpoint`; on a connected or accepted
 * socket an endpoint of zeros means its peer. Blocks until all are sent, or until `deadline`.
 * Returns how many were sent, at least 1; when fewer than `count`, net_error() says why, and so
 * does the next call (with the rest).
 *
 * The failures of net_send; NET_MISUSE on streams and their listeners, for a count below 1, for no
 * endpoint on a listener, and for another peer's endpoint on a connected socket. */
int net_send_messages(net_socket *socket, const net_message *messages, int count,
                      net_deadline deadline);

/* Receive up to `count` datagrams; on a listener, those of peers that are not accepted. Blocks
 * until the first is there, or until `deadline`, then takes what has arrived. Returns how many, at
 * least 1. One that did not fit is counted, has `size` > `capacity`, and names its sender.
 *
 * The failures of net_recv but NET_TOOBIG; NET_MISUSE: a stream, its listener, a count below 1. */
NET_USE_RESULT int net_recv_messages(net_socket *socket, net_message *messages, int count,
                                     net_deadline deadline);

/* Look up a whole address, `udp://ntp.example:123`, into at most `count` endpoints, in the order in
 * which a dial would try them. Blocks until `deadline`, but never for a numeric address. Returns
 * how many were written, at least 1.
 *
 * NET_ADDRESS (also a wildcard or port 0), NET_NAME, NET_TIMEOUT, NET_LIMIT, NET_SYSTEM,
 * NET_MISUSE. getaddrinfo(3) */
NET_USE_RESULT int net_resolve(const char *address, net_endpoint *endpoints, int count,
                               net_deadline deadline);

/* Print an endpoint: `host:port`, `[v6%zone]:port`, a path or a name; nothing for a unix socket
 * that has no name. Never blocks. Writes at most `size` bytes, always terminated when `size` > 0,
 * and returns the length that the whole text needs, as snprintf does. NET_MISUSE: NULL, or an
 * endpoint that names no peer. */
int net_endpoint_text(const net_endpoint *endpoint, char *buffer, size_t size);

/* ---- Properties, as text ---- */

/* Read a property. Any option of the socket's scheme but sockopt is one. Every scheme has scheme,
 * local, peer, bytes-sent and bytes-received; only fd, which is no socket, has just the first and
 * the last. tcp and udp: port, local-host, peer-host, peer-port, mtu. tcp: rtt, retransmits.
 * Streams: reset. udp: dropped-kernel. unix: peer-pid, peer-uid, peer-gid. All but unix, mem and
 * fd: messages-sent, messages-received, dropped-queue, dropped-strangers, truncated, which on tcp
 * are 0. framed+: messages-sent, messages-received, truncated. tls: tls-version, tls-cipher, alpn,
 * server-name, peer-name, peer-fingerprint, peer-certificate. The manual has the whole table. Once
 * a dial of NET_NOW is writable, `peer` tells how it ended: it fails as the dial did, or the dial
 * was won. Works on a cancelled socket. Never blocks. Writes at most `size` bytes, always
 * terminated when `size` > 0, and returns the length that the whole text needs, as snprintf does.
 *
 * NET_ADDRESS: the scheme has no such property. NET_MISUSE: this kind of socket has none (a
 * listener no peer), or it can only be set. NET_TIMEOUT: still dialing, or shaking hands. The code
 * of a dial that failed. NET_SYSTEM. */
int net_get(net_socket *socket, const char *name, char *buffer, size_t size);

/* Read a property that is a number: durations in nanoseconds (rtt, too), sizes in bytes, counts, a
 * switch as 1 or 0, `off` as 0. Works on a cancelled socket. Never blocks. Returns 0.
 *
 * The failures of net_get, which leave `value` alone; NET_ADDRESS also for a property that is only
 * text: addresses, hosts, names, shares. */
int net_get_number(net_socket *socket, const char *name, int64_t *value);

/* Change an option of the address while the socket lives. `reset` makes the close of a stream a
 * reset, which the peer sees instead of an end (see net_close). On a udp or unixgram listener,
 * `admit` admits the peer whose net_endpoint_text you give: the next net_accept takes it before all
 * that were not admitted. On a tls listener, `cert` with the value CERT,KEY reads both files for
 * the callers to come. Works on a cancelled socket. Never blocks. Returns 0.
 *
 * NET_ADDRESS: no such option, or a value that does not fit it. NET_MISUSE: it can only be read, or
 * only be given in the address, or only be set on a listener. NET_TIMEOUT: still dialing, or
 * cancelled before the dial was won. NET_LIMIT: also when `peers` are accepted or admitted.
 * NET_DENIED, NET_SYSTEM. */
int net_set(net_socket *socket, const char *name, const char *value);

/* The descriptor to watch in a foreign event loop; when it is ready, call with NET_NOW until
 * NET_TIMEOUT. It stays the socket's own: never read or close it; setsockopt(2) is allowed, but not
 * O_NONBLOCK, SO_RCVTIMEO and SO_SNDTIMEO. Returns -1 where there is none: a socket still dialing,
 * or shaking hands; an accepted peer of udp or unixgram, which shares its listener's; mem and
 * memgram; chaos with delay or reorder; a connection of framed+.
 *
 * NET_MISUSE: NULL. */
int net_fd(net_socket *socket);

/* Hand over the descriptor of a connection or of a stream listener, for a library that wants one.
 * `socket` is freed, and no poller has it any more. You own the descriptor from then on. That of a
 * connection is as connect(2) or accept(2) leaves it, with the options of its address; that of a
 * listener does not block; an adopted one is as it came. The file of a unix listener stays. Must be
 * alone, as net_close. Never blocks. Returns the descriptor.
 *
 * NET_MISUSE, and the socket stays: it has no descriptor of its own (a udp or unixgram listener and
 * the peers it accepted, mem, a dial not decided, a layer), a part of a line or a datagram waits
 * inside (receive it first), or another process made it. NET_CANCELED. The code of a dial that
 * failed. NET_SYSTEM. */
NET_USE_RESULT int net_release(net_socket *socket);

/* Put an address together from parts that may come from anywhere. The result is
 * `scheme://host:port`; an IPv6 host, which you give without brackets and perhaps with a zone, gets
 * brackets. With a NULL port it is `scheme://host`, where host is a path, an @name or a name,
 * escaped. It means exactly this scheme, host and port, and has no option; append `?...` to add
 * options. Looks nothing up. Never blocks. Writes at most `size` bytes, always terminated when
 * `size` > 0, and returns the length that the whole text needs, as snprintf does.
 *
 * A failure leaves the text empty. NET_ADDRESS: no address says this, or it means another thing; an
 * unknown scheme; a port that is missing or not allowed. NET_UNSUPPORTED (no tls), NET_MISUSE. */
int net_address(char *buffer, size_t size, const char *scheme, const char *host, const char *port);

/* ---- Many sockets, one thread ---- */

/* A set of sockets that one thread waits on. It is level-triggered: a socket that is still ready is
 * reported again. An event is no promise, because another thread may have been faster: call with
 * NET_NOW. Sockets of every kind may be in it together, and may be used by blocking calls as well.
 * A socket is in at most one poller; net_close takes it out, with those of its events that were not
 * handed out. A poller belongs to the process that opened it: another process can only close it.
 * You close it.
 *
 * NULL: NET_LIMIT, NET_SYSTEM. epoll(7) */
NET_USE_RESULT net_poller *net_poller_open(void);

/* Watch `socket` for `interest`, of NET_READABLE and NET_WRITABLE, and for `deadline`, which makes
 * one NET_EXPIRED when it passes; NET_FOREVER is none. Watching again replaces interest, `user` and
 * deadline. With interest 0 the poller waits for the deadline only; with neither, the socket is
 * taken out. From any thread, also while another waits. Never blocks. Returns 0.
 *
 * NET_MISUSE: also an unknown bit, or a socket that is in another poller. NET_LIMIT, NET_SYSTEM:
 * what was watched before is still watched. */
int net_poller_watch(net_poller *poller, net_socket *socket, unsigned interest, void *user,
                     net_deadline deadline);

/* Wait until something happened to a watched socket, or until `deadline`; fill at most `count`
 * events, no socket twice. What did not fit stays inside for the next call. A cancelled socket is
 * readable and writable. Several waits on one poller take turns. Returns how many events, or 0
 * after a net_poller_wake. With a count of 1 no event can name a socket that is closed already;
 * with more, a later event may name a socket that you closed for an earlier one: check.
 *
 * NET_TIMEOUT; NET_MISUSE: also a count below 1. */
int net_poller_wait(net_poller *poller, net_event *events, int count, net_deadline deadline);

/* Make the wait in progress return 0, or else the next one. Several wakes before a wait returns
 * count as one. From any thread or signal handler; keeps errno; NULL is allowed. */
void net_poller_wake(net_poller *poller);

/* Fill at most `count` events with the sockets that are watched, in no order: `user` is what you
 * gave to net_poller_watch, `ready` is the interest, which may be 0. With it a server can close all
 * its sockets, each once. From any thread, also while another waits. Never blocks. Returns how many
 * are watched, as snprintf counts: when that is more than `count`, the rest was left out. `events`
 * may be NULL when `count` is 0.
 *
 * NET_MISUSE: also a negative count, or a poller of another process. */
int net_poller_list(net_poller *poller, net_event *events, int count);

/* A descriptor that is readable whenever net_poller_wait would return: watch it in a foreign loop,
 * and call net_poller_wait with NET_NOW when it is. It stays the poller's own: never read, change
 * or close it. NET_MISUSE: NULL. NET_LIMIT, NET_UNSUPPORTED, NET_SYSTEM. */
int net_poller_fd(net_poller *poller);

/* Free the poller; its sockets are no longer watched and stay open. Must be alone: no other call
 * may be using the poller. NULL is allowed. */
void net_poller_close(net_poller *poller);

/* ---- What went wrong ---- */

/* The code of the calling thread's last failure; 0 if it had none. */
int net_error(void);

/* The calling thread's last failure as a sentence that names operation, address and cause, and is
 * safe on a terminal. Never NULL; valid until the thread's next failure. */
const char *net_error_text(void);

/* What a code means, in a few words; never NULL. */
const char *net_strerror(int code);

/* The version of the library that runs: "0.1.0". */
const char *net_version(void);

#undef NET_USE_RESULT
#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
