/* Sockets that carry messages, for the tests of their frames: a peer that sends and receives plain
 * bytes, threads that send and receive messages, and what is left of a message that was cut. */
#ifndef PLAIN_PEER_H
#define PLAIN_PEER_H

#include "support.h"

/* framed+ over each stream, some of which come in small pieces or late. */
extern const char *const framed_templates[];
/* The same without faults. */
extern const char *const framed_wires[];
/* All frames, NULL after the last. */
extern const char *const frame_kinds[];
enum { FRAME_EXTRA = 16 }; /* a frame adds fewer bytes than this */

/* A socket that carries messages, and its peer, a socket of the stream below. */
struct plain_peer {
    net_socket *listener;
    net_socket *framed;
    net_socket *plain;
};

/* The plain peer dials, and is accepted with these options (NULL: none). */
void meet_plain_peer(const char *address, const char *options, struct plain_peer *peer);
/* Another one of the same listener. */
void meet_another(const struct plain_peer *first, struct plain_peer *peer);
/* Closes what is not NULL, with NET_NOW. */
void part_from_peer(struct plain_peer *peer);

void plain_sends(const struct plain_peer *peer, const void *data, size_t size);
/* The next bytes that the plain peer receives are these. */
void plain_receives(const struct plain_peer *peer, const void *data, size_t size);
/* The next message that the framed socket receives is this. */
void expect_message(net_socket *socket, const void *data, size_t size);

/* Writes the message in its frame. Returns how many bytes that takes. */
size_t write_frame(const char *kind, const void *data, size_t size, char *to);
/* The same pattern without newlines. */
void write_line_pattern(void *buffer, size_t size, size_t offset);

/* Whether something is left of a message that counts as sent. */
bool has_rest(net_socket *socket);

/* Messages that number themselves: the number in the first bytes, then a pattern of its own. */
enum { NUMBER_SIZE = 4 };
void write_numbered(char *message, size_t size, unsigned number);
bool is_numbered(const char *message, size_t size, unsigned number);
/* Sends numbered messages of one size without waiting, from `first` on, until one was cut: its rest
 * is left. Returns the number of the message after it. Nobody may receive meanwhile. */
unsigned send_until_cut(net_socket *socket, size_t size, unsigned first);
/* A message of this size is longer than what the buffers of a pair with these options hold. */
#define SMALL_BUFFERS "sndbuf=4KiB&rcvbuf=4KiB"
enum { LONG_MESSAGE = 300000 };

/* A thread that receives numbered messages from `next` on, until `until` has come or something
 * fails, with soon() as deadline. */
struct reader {
    net_socket *socket;
    unsigned next;
    unsigned until;
    bool is_wrong; /* a message was another one, or cut */
    int code;      /* why it ended early; 0: it did not */
    pthread_t thread;
};

void reader_start(struct reader *reader, net_socket *socket, unsigned next, unsigned until);
/* It got all, and each once. */
void reader_join(struct reader *reader);
/* It got what came before `next`, and then this code. */
void reader_join_code(struct reader *reader, unsigned next, int code);

/* A thread that sends one message. */
struct writer {
    net_socket *socket;
    const void *data;
    size_t size;
    net_deadline deadline;
    ssize_t result;
    int code;
    pthread_t thread;
};

void writer_start(struct writer *writer, net_socket *socket, const void *data, size_t size);
/* All of it was sent. */
void writer_join(struct writer *writer);

#endif
