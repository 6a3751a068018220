/* Plain peers of sockets that carry messages. */
#include "plain_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket/backend.h"

const char *const framed_templates[] = {"framed+tcp://127.0.0.1:0",
                                        "framed+unix://@",
                                        "framed+mem://",
                                        "framed+chaos+tcp://127.0.0.1:0?chunk=99",
                                        "framed+chaos+mem://?delay=1ms&chunk=50",
                                        NULL};
const char *const framed_wires[] = {"framed+tcp://127.0.0.1:0", "framed+unix://@", "framed+mem://",
                                    NULL};
const char *const frame_kinds[] = {"u16", "u32", "netstring", "line", NULL};

/* ---- The peer ---- */

static void dial_plainly(net_socket *listener, struct plain_peer *peer)
{
    static const char *const layers[] = {"framed+", "chaos+"};
    char address[ADDRESS_MAX];
    const char *below = address;

    dial_address(listener, address);
    for (size_t i = 0; i < COUNT(layers); i++) {
        below += strncmp(below, layers[i], strlen(layers[i])) == 0 ? strlen(layers[i]) : 0;
    }
    peer->plain = assert_socket(net_connect(below, soon()));
    peer->framed = assert_socket(net_accept(listener, soon()));
}

void meet_plain_peer(const char *address, const char *options, struct plain_peer *peer)
{
    char whole[ADDRESS_MAX];

    with_options(whole, address, options);
    *peer = (struct plain_peer){.listener = assert_socket(net_listen(whole))};
    dial_plainly(peer->listener, peer);
}

void meet_another(const struct plain_peer *first, struct plain_peer *peer)
{
    *peer = (struct plain_peer){0};
    dial_plainly(first->listener, peer);
}

void part_from_peer(struct plain_peer *peer)
{
    net_close(peer->plain, NET_NOW);
    net_close(peer->framed, NET_NOW);
    net_close(peer->listener, NET_NOW);
    *peer = (struct plain_peer){0};
}

void plain_sends(const struct plain_peer *peer, const void *data, size_t size)
{
    assert_count(net_send(peer->plain, data, size, soon()), size);
}

void plain_receives(const struct plain_peer *peer, const void *data, size_t size)
{
    char *got = malloc(size + 1);

    assert_non_null(got);
    assert_count(net_recv_all(peer->plain, got, size, soon()), size);
    bool is_same = memcmp(got, data, size) == 0;

    free(got);
    assert_true(is_same);
}

void expect_message(net_socket *socket, const void *data, size_t size)
{
    char *got = malloc(size + 1);

    assert_non_null(got);
    ssize_t n = net_recv(socket, got, size + 1, soon());
    bool is_same = n == (ssize_t)size && memcmp(got, data, size) == 0;

    free(got);
    assert_count(n, size);
    assert_true(is_same);
}

/* ---- Frames ---- */

size_t write_frame(const char *kind, const void *data, size_t size, char *to)
{
    size_t head = 0;
    bool is_line = strcmp(kind, "line") == 0;
    bool is_netstring = strcmp(kind, "netstring") == 0;

    if (is_netstring) {
        head = (size_t)snprintf(to, FRAME_EXTRA, "%zu:", size);
    } else if (!is_line) {
        head = strcmp(kind, "u16") == 0 ? 2 : 4;
        for (size_t i = 0; i < head; i++) {
            to[i] = (char)(unsigned char)(size >> 8 * (head - 1 - i));
        }
    }
    memcpy(to + head, data, size);
    if (is_line || is_netstring) {
        to[head + size] = is_line ? '\n' : ',';
    }
    return head + size + (is_line || is_netstring ? 1 : 0);
}

void write_line_pattern(void *buffer, size_t size, size_t offset)
{
    char *at = buffer;

    write_pattern(buffer, size, offset);
    for (size_t i = 0; i < size; i++) {
        at[i] = at[i] == '\n' || at[i] == '\r' ? '\v' : at[i];
    }
}

/* ---- Rests ---- */

bool has_rest(net_socket *socket)
{
    return atomic_load(&((struct nf_layer *)socket)->has_rest);
}

void write_numbered(char *message, size_t size, unsigned number)
{
    for (int i = 0; i < NUMBER_SIZE; i++) {
        message[i] = (char)(unsigned char)(number >> 8 * i);
    }
    write_pattern(message + NUMBER_SIZE, size - NUMBER_SIZE, number);
}

bool is_numbered(const char *message, size_t size, unsigned number)
{
    unsigned is = 0;

    for (int i = 0; i < NUMBER_SIZE && size >= NUMBER_SIZE; i++) {
        is |= (unsigned)(unsigned char)message[i] << 8 * i;
    }
    return size >= NUMBER_SIZE && is == number &&
           is_pattern(message + NUMBER_SIZE, size - NUMBER_SIZE, number);
}

/* Without a receiver even large buffers of the system's fill. */
unsigned send_until_cut(net_socket *socket, size_t size, unsigned first)
{
    enum { SENDS_MOST = 10000 };
    char *message = malloc(size);
    unsigned next = first;

    assert_non_null(message);
    for (int i = 0; i < SENDS_MOST && !has_rest(socket); i++) {
        write_numbered(message, size, next);
        ssize_t n = net_send(socket, message, size, NET_NOW);

        next += n == (ssize_t)size ? 1 : 0;
    }
    free(message);
    assert_true(has_rest(socket));
    return next;
}

/* ---- Threads ---- */

static void *receive_numbered(void *argument)
{
    enum { MOST = 1 << 20 };
    struct reader *reader = argument;
    char *message = malloc(MOST);

    while (message != NULL && reader->next < reader->until && reader->code == 0 &&
           !reader->is_wrong) {
        ssize_t n = net_recv(reader->socket, message, MOST, soon());

        reader->code = n < 0 ? (int)n : 0;
        reader->is_wrong = n >= 0 && !is_numbered(message, (size_t)n, reader->next);
        reader->next += n >= 0 ? 1 : 0;
    }
    free(message);
    return NULL;
}

void reader_start(struct reader *reader, net_socket *socket, unsigned next, unsigned until)
{
    *reader = (struct reader){.socket = socket, .next = next, .until = until};
    assert_int_equal(pthread_create(&reader->thread, NULL, receive_numbered, reader), 0);
}

void reader_join(struct reader *reader)
{
    reader_join_code(reader, reader->until, 0);
}

void reader_join_code(struct reader *reader, unsigned next, int code)
{
    pthread_join(reader->thread, NULL);
    assert_false(reader->is_wrong);
    assert_int_equal(reader->code, code);
    assert_int_equal(reader->next, next);
}

static void *send_it(void *argument)
{
    struct writer *writer = argument;

    writer->result = net_send(writer->socket, writer->data, writer->size, writer->deadline);
    writer->code = writer->result < 0 ? net_error() : 0;
    return NULL;
}

void writer_start(struct writer *writer, net_socket *socket, const void *data, size_t size)
{
    *writer = (struct writer){.socket = socket, .data = data, .size = size, .deadline = soon()};
    assert_int_equal(pthread_create(&writer->thread, NULL, send_it, writer), 0);
}

void writer_join(struct writer *writer)
{
    pthread_join(writer->thread, NULL);
    assert_int_equal(writer->code, 0);
    assert_int_equal(writer->result, writer->size);
}
