/* The states of a connection. It asks the poller only for what brings it forward: while it sends an
 * answer it reads nothing, so a peer costs the head of one request, the head of one answer, and no
 * more. */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64

#include "connection.h"
#include "answer.h"
#include "live.h"
#include "request.h"
#include "../wires.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINGER_MS = 2000,
    VISIT_MS = 600000, /* a page that shows /live/events asks for them again after this */
    CROWDED_MS = 1000, /* when the server is full, end connections silent for so long */
    CHUNK = 65536,     /* bytes of a large file in one call */
    CHUNKS = 8         /* for one peer before the turn of the others */
};

/* Every state has a deadline. */
enum state {
    READING,   /* a request. Its head has `patience` from its first byte on to be there; when none
                * begins within `patience`, the connection is ended */
    SENDING,   /* an answer. The peer has to take some of it within `patience` */
    STREAMING, /* lines for the page /live, for VISIT_MS. The peer has to keep up */
    LINGERING, /* the last answer is sent: wait for the peer's end. A close with unread bytes from
                * the peer would reset the connection, and could destroy the answer */
    LEAVING,   /* the peer's end is there, and the socket may hold back a part of the answer */
    ENDED      /* to be freed */
};

struct connection {
    net_socket *socket;
    struct connection *next;
    struct connection *previous;
    enum state state;
    net_deadline deadline;
    size_t received;  /* in `in` */
    size_t head_sent; /* of the head of the answer */
    struct answer answer;
    char in[REQUEST_HEAD_MAX];
};

struct server server;

/* ---- What can be done without waiting ---- */

static net_deadline later(int64_t milliseconds)
{
    return server.now + milliseconds * 1000000; /* the difference of moments is in nanoseconds */
}

/* Send nothing more. Receive and forget what the peer sends, until it ends, too. */
static void linger(struct connection *c)
{
    c->state = net_shutdown(c->socket) == 0 ? LINGERING : ENDED;
    c->deadline = later(LINGER_MS);
}

/* The lines are short: a peer that does not take a whole one has stopped reading. */
static void send_lines(struct connection *c, int count)
{
    net_slice lines[LIVE_SECONDS];
    size_t size = 0;

    count = live_lines(lines, count);
    for (int i = 0; i < count; i++) {
        size += lines[i].size;
    }
    if (count > 0 && (size_t)net_send_vector(c->socket, lines, count, NET_NOW) != size) {
        c->state = ENDED;
    }
    live.bytes += size;
}

static void finish_answer(struct connection *c)
{
    answer_release(&c->answer);
    if (c->answer.is_stream && !server.is_ending) {
        c->state = STREAMING;
        c->deadline = later(VISIT_MS);
        send_lines(c, LIVE_SECONDS);
    } else if (c->answer.is_last || server.is_ending) {
        linger(c);
    } else {
        c->state = READING;
    }
}

/* What follows the head: all of a small file, or the next piece of a large one, read into a buffer
 * that all connections share. What the system does not take of a piece is read again later, so
 * nothing has to be kept. False: the file is now shorter than the head says. */
static bool next_piece(const struct answer *answer, net_slice *piece)
{
    static char chunk[CHUNK];
    int64_t left = answer->end - answer->offset;

    if (answer->file->fd < 0) {
        *piece = (net_slice){answer->file->bytes + answer->offset, (size_t)left};
        return true;
    }
    size_t size = left < CHUNK ? (size_t)left : CHUNK;

    *piece = (net_slice){chunk, size};
    return pread(answer->file->fd, chunk, size, (off_t)answer->offset) == (ssize_t)size;
}

/* Send as much as the system takes, but at most CHUNKS pieces, so that others have their turn. */
static void send_answer(struct connection *c)
{
    struct answer *answer = &c->answer;

    for (int i = 0; i < CHUNKS && c->state == SENDING; i++) {
        size_t head = answer->head_size - c->head_sent;
        net_slice slices[2] = {{answer->head + c->head_sent, head}, {NULL, 0}};

        if (answer->file != NULL && !next_piece(answer, &slices[1])) {
            c->state = ENDED;
            return;
        }
        ssize_t sent = net_send_vector(c->socket, slices, answer->file != NULL ? 2 : 1, NET_NOW);

        if (sent < 0) {
            c->state = sent == NET_TIMEOUT ? SENDING : ENDED;
            return;
        }
        size_t of_head = (size_t)sent < head ? (size_t)sent : head;

        live.bytes += (uint64_t)sent;
        c->deadline = later(server.patience);
        c->head_sent += of_head;
        answer->offset += sent - (ssize_t)of_head;
        if (c->head_sent == answer->head_size &&
            (answer->file == NULL || answer->offset == answer->end)) {
            finish_answer(c);
        } else if ((size_t)sent < head + slices[1].size) {
            return;
        }
    }
}

static void answer(struct connection *c, int status, const struct request *request)
{
    live.requests++;
    answer_make(&c->answer, status, request, server.is_crowded);
    c->head_sent = 0;
    c->state = SENDING;
    c->deadline = later(server.patience);
}

/* Answer the requests that are there, until the system takes no more. */
static void serve(struct connection *c)
{
    while (c->state == READING && c->received > 0) {
        struct request request;
        int status = request_read(&request, c->in, c->received);

        if (status == 0) {
            return;
        }
        answer(c, status, &request);
        c->received = status == 200 ? c->received - request.size : 0;
        memmove(c->in, c->in + request.size, c->received);
        send_answer(c);
    }
}

static void receive(struct connection *c)
{
    size_t room = sizeof c->in - c->received;
    ssize_t got = net_recv(c->socket, c->in + c->received, room, NET_NOW);

    if (got > 0) {
        c->deadline = c->received == 0 ? later(server.patience) : c->deadline;
        c->received += (size_t)got;
        serve(c);
    } else if (got != NET_TIMEOUT) {
        c->state = ENDED;
    }
}

static void ignore(struct connection *c)
{
    static char ignored[CHUNK];
    ssize_t got = net_recv(c->socket, ignored, sizeof ignored, NET_NOW);

    if (got == NET_EOF && wire_holds_back(c->socket)) {
        c->state = LEAVING;
    } else if (got < 0 && got != NET_TIMEOUT) {
        c->state = ENDED;
    }
}

static void expire(struct connection *c)
{
    if (c->state == READING && c->received > 0) {
        answer(c, 408, NULL);
        send_answer(c);
    } else if (c->state == STREAMING) {
        linger(c);
    } else {
        c->state = ENDED;
    }
}

/* ---- Beginning, going on, ending ---- */

static void dispose(struct connection *c)
{
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        server.connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    answer_release(&c->answer);
    net_close(c->socket, NET_NOW);
    live.connections--;
    live.visitors -= c->answer.is_stream;
    free(c);
}

/* Ask the poller for what the state waits for. To ask for the same again costs no system call. */
static void settle(struct connection *c)
{
    bool sends = c->state == SENDING || c->state == LEAVING;
    unsigned interest = sends ? NET_WRITABLE : NET_READABLE;

    if (c->state == ENDED ||
        net_poller_watch(server.poller, c->socket, interest, c, c->deadline) < 0) {
        dispose(c);
    }
}

void connection_begin(net_socket *socket)
{
    struct connection *c = malloc(sizeof *c);

    if (c == NULL) {
        net_close(socket, NET_NOW);
        return;
    }
    c->socket = socket;
    c->state = READING;
    c->deadline = later(server.patience);
    c->received = 0;
    c->answer.file = NULL;
    c->answer.is_stream = false;
    c->previous = NULL;
    c->next = server.connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    server.connections = c;
    live.connections++;
    settle(c);
}

void connection_event(struct connection *c, unsigned ready)
{
    if (c->state == SENDING && (ready & NET_WRITABLE) != 0) {
        send_answer(c);
        serve(c);
    } else if (c->state == READING && (ready & NET_READABLE) != 0) {
        receive(c);
    } else if (c->state == LEAVING && (ready & NET_WRITABLE) != 0) {
        c->state = ENDED;
    } else if ((ready & NET_READABLE) != 0) {
        ignore(c);
    }
    if ((ready & NET_EXPIRED) != 0 && c->deadline <= server.now) { /* nothing has put it off */
        expire(c);
    }
    settle(c);
}

void connections_tick(void)
{
    struct connection *next = NULL;

    for (struct connection *c = server.connections; c != NULL; c = next) {
        bool is_silent = c->state == READING && c->received == 0 &&
                         c->deadline <= later(server.patience - CROWDED_MS);

        next = c->next;
        if (c->state == STREAMING) {
            send_lines(c, 1);
            settle(c);
        } else if (is_silent && server.is_crowded) {
            linger(c);
            settle(c);
        }
    }
}

void connections_end(void)
{
    struct connection *next = NULL;

    server.is_ending = true;
    for (struct connection *c = server.connections; c != NULL; c = next) {
        next = c->next;
        if (c->state == READING || c->state == STREAMING) {
            linger(c);
            settle(c);
        }
    }
}

void connections_close(void)
{
    while (server.connections != NULL) {
        dispose(server.connections);
    }
}
