/* Messages over TCP, framed+tcp:// with a length in 4 bytes, compared with raw calls in the same
 * run that make the same bytes:
 *
 *     bench_framed [ROUNDS [PART...]]      batches single large
 *
 * Two threads talk on one processor. A rate is per second of processor time of both together. */
#include "contest.h"
#include "report.h"

#include <netfacade.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 64,
    HEAD = 4,
    LARGE = 1024 * 1024,
    PACKED = BATCH * (HEAD + SMALL) /* bytes of a batch */
};

/* One side of a connection. */
struct end {
    int fd;
    net_socket *socket;
    net_message messages[BATCH];
    char *buffer;
};

/* How messages are carried. Each call moves as many as the part says, and returns 0 at the end. */
struct carrier {
    const char *address; /* NULL: raw calls */
    int (*send)(struct end *end);
    int (*recv)(struct end *end);
};

struct pair {
    const struct carrier *by;
    struct end near;
    struct end far;
};

static _Alignas(PAGE) char buffers[2][LARGE + PAGE];

/* ---- Raw calls ---- */

static void put_head(char head[HEAD], uint32_t size)
{
    size = htonl(size);
    memcpy(head, &size, sizeof size);
}

static uint32_t get_head(const char head[HEAD])
{
    uint32_t size;

    memcpy(&size, head, sizeof size);
    return ntohl(size);
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

static bool read_all(int fd, char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = recv(fd, bytes, size, 0);

        if (n <= 0) {
            return false;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

/* As it is often written. */
static int write_twice(struct end *end)
{
    char head[HEAD];

    put_head(head, SMALL);
    return write_all(end->fd, head, HEAD) && write_all(end->fd, end->buffer, SMALL) ? 1 : 0;
}

static int read_twice(struct end *end)
{
    char head[HEAD];

    return read_all(end->fd, head, HEAD) && read_all(end->fd, end->buffer, get_head(head)) ? 1 : 0;
}

/* As it can be written: a batch is packed into one buffer. The other side takes what there is. */
static int write_packed(struct end *end)
{
    char packed[PACKED];

    for (size_t i = 0; i < BATCH; i++) {
        put_head(packed + i * (HEAD + SMALL), SMALL);
        memcpy(packed + i * (HEAD + SMALL) + HEAD, end->buffer + i * SMALL, SMALL);
    }
    return write_all(end->fd, packed, sizeof packed) ? BATCH : 0;
}

static int read_packed(struct end *end)
{
    char packed[PACKED];

    if (!read_all(end->fd, packed, sizeof packed)) {
        return 0;
    }
    for (size_t i = 0; i < BATCH; i++) {
        memcpy(end->buffer + i * SMALL, packed + i * (HEAD + SMALL) + HEAD,
               get_head(packed + i * (HEAD + SMALL)));
    }
    return BATCH;
}

static int write_vector(struct end *end, size_t size)
{
    char head[HEAD];
    struct iovec parts[] = {{head, HEAD}, {end->buffer, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    put_head(head, (uint32_t)size);
    ssize_t n = sendmsg(end->fd, &message, MSG_NOSIGNAL);

    return n == (ssize_t)(HEAD + size) ? 1 : 0;
}

static int write_small(struct end *end)
{
    return write_vector(end, SMALL);
}

static int read_small(struct end *end)
{
    ssize_t n = recv(end->fd, end->buffer, HEAD + SMALL, 0);

    return n == HEAD + SMALL && get_head(end->buffer) == SMALL ? 1 : 0;
}

static int write_large(struct end *end)
{
    return write_vector(end, LARGE);
}

static int read_large(struct end *end)
{
    return read_all(end->fd, end->buffer, HEAD + LARGE) ? 1 : 0;
}

/* ---- netfacade ---- */

static int send_batch(struct end *end)
{
    int n = net_send_messages(end->socket, end->messages, BATCH, net_after(PATIENCE));

    return n > 0 ? n : 0;
}

static int recv_batch(struct end *end)
{
    int n = net_recv_messages(end->socket, end->messages, BATCH, net_after(PATIENCE));

    return n > 0 ? n : 0;
}

static int send_size(struct end *end, size_t size)
{
    return net_send(end->socket, end->buffer, size, net_after(PATIENCE)) == (ssize_t)size ? 1 : 0;
}

static int recv_size(struct end *end, size_t size)
{
    return net_recv(end->socket, end->buffer, size, net_after(PATIENCE)) == (ssize_t)size ? 1 : 0;
}

static int send_small(struct end *end)
{
    return send_size(end, SMALL);
}

static int recv_small(struct end *end)
{
    return recv_size(end, SMALL);
}

/* The same bytes without frames. */
static int send_bare(struct end *end)
{
    return send_size(end, HEAD + SMALL);
}

static int recv_bare(struct end *end)
{
    return recv_size(end, HEAD + SMALL);
}

static int send_large(struct end *end)
{
    return send_size(end, LARGE);
}

static int recv_large(struct end *end)
{
    return recv_size(end, LARGE);
}

/* ---- A connection ---- */

static void open_raw(struct pair *pair)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(bind(listener, (struct sockaddr *)&name, length) == 0 && listen(listener, 1) == 0,
         "listen");
    getsockname(listener, (struct sockaddr *)&name, &length);
    pair->near.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(pair->near.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    need(connect(pair->near.fd, (struct sockaddr *)&name, length) == 0, "connect");
    pair->far.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    need(pair->far.fd >= 0, "accept");
    close(listener);
}

static void open_facade(struct pair *pair)
{
    net_socket *listener = net_listen(pair->by->address);
    char address[64];

    need(listener != NULL && net_get(listener, "local", address, sizeof address) > 0, "net_listen");
    pair->near.socket = net_connect(address, net_after(PATIENCE));
    pair->far.socket = net_accept(listener, net_after(PATIENCE));
    need(pair->near.socket != NULL && pair->far.socket != NULL, "the connection");
    net_close(listener, NET_NOW);
}

static void open_pair(struct pair *pair, const struct carrier *by)
{
    memset(pair, 0, sizeof *pair);
    pair->by = by;
    pair->near.buffer = buffers[0];
    pair->far.buffer = buffers[1];
    for (size_t i = 0; i < BATCH; i++) {
        pair->near.messages[i] = (net_message){.data = buffers[0] + i * SMALL, .size = SMALL};
        pair->far.messages[i] = (net_message){.data = buffers[1] + i * SMALL, .capacity = SMALL};
    }
    if (by->address == NULL) {
        open_raw(pair);
    } else {
        open_facade(pair);
    }
}

static void close_end(const struct pair *pair, const struct end *end)
{
    if (pair->by->address == NULL) {
        close(end->fd);
    } else {
        net_close(end->socket, NET_NOW);
    }
}

/* ---- What they do ---- */

static void *swallow(void *argument)
{
    struct pair *pair = argument;

    while (pair->by->recv(&pair->far) > 0) {
    }
    return NULL;
}

static void *echo(void *argument)
{
    struct pair *pair = argument;

    while (pair->by->recv(&pair->far) > 0 && pair->by->send(&pair->far) > 0) {
    }
    return NULL;
}

/* Processor seconds of all threads. */
static double spent(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double talk(const struct carrier *by, void *(*far_side)(void *), bool is_answered)
{
    static struct pair pair;
    pthread_t thread;
    long count = 0;

    open_pair(&pair, by);
    double begun = contest_now();
    double before = spent();

    pthread_create(&thread, NULL, far_side, &pair);
    while (contest_goes_on(begun)) {
        int n = by->send(&pair.near);

        need(n > 0 && (!is_answered || by->recv(&pair.near) > 0), "the conversation");
        count += n;
    }
    close_end(&pair, &pair.near);
    pthread_join(thread, NULL);
    double rate = (double)count / (spent() - before);

    close_end(&pair, &pair.far);
    return rate;
}

static double one_way(void *by)
{
    return talk(by, swallow, false);
}

static double ping_pong(void *by)
{
    return talk(by, echo, true);
}

#define FRAMED "framed+tcp://127.0.0.1:0"

static struct carrier raw_twice = {NULL, write_twice, read_twice};
static struct carrier raw_packed = {NULL, write_packed, read_packed};
static struct carrier framed_batch = {FRAMED, send_batch, recv_batch};
static struct carrier raw_small = {NULL, write_small, read_small};
static struct carrier bare_small = {"tcp://127.0.0.1:0", send_bare, recv_bare};
static struct carrier framed_small = {FRAMED, send_small, recv_small};
static struct carrier raw_large = {NULL, write_large, read_large};
static struct carrier framed_large = {FRAMED, send_large, recv_large};

static void run_batches(void)
{
    const struct entry entries[] = {{"two writes, two reads", one_way, &raw_twice, 0},
                                    {"one at a time", one_way, &framed_small, 0},
                                    {"batches of 64", one_way, &framed_batch, 0},
                                    {"raw, batches of 64", one_way, &raw_packed, 0}};

    contest_run("messages of 64 B one way", entries, 4);
    target("framed+tcp:// 64 x 64 B, of two writes, two reads", contest_ratio(2, 0).median,
           ">= 10");
    target("... of a raw batch", contest_ratio(2, 3).median, "");
}

static void run_single(void)
{
    const struct entry entries[] = {{"raw sendmsg, recv", ping_pong, &raw_small, 0},
                                    {"tcp://, 5 s", ping_pong, &bare_small, 0},
                                    {"framed+tcp://, 5 s", ping_pong, &framed_small, 0}};

    contest_run("messages of 64 B, ping-pong", entries, 3);
    target("framed+tcp:// ping-pong, of raw", contest_ratio(2, 0).median, "near 1");
    target("... of tcp://", contest_ratio(2, 1).median, "near 1");
}

static void run_large(void)
{
    const struct entry entries[] = {{"raw sendmsg, recv", one_way, &raw_large, 0},
                                    {"framed+tcp://, 5 s", one_way, &framed_large, 0}};

    contest_run("messages of 1 MiB one way", entries, 2);
    target("framed+tcp:// 1 MiB one way, of raw", contest_ratio(1, 0).median, "near 1");
}

int main(int argc, char **argv)
{
    static const struct part parts[] = {
        {"batches", run_batches}, {"single", run_single}, {"large", run_large}};

    return report_parts(argc, argv, parts, sizeof parts / sizeof parts[0], 0.1, "framed, in short");
}
