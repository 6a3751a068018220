/* wrap: recvmmsg */
/* A peer is silent for certain once the descriptor has been read empty. While strangers' datagrams
 * came faster than they were read, it was never empty, and a silent peer did not end. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

enum { FIRST_PORT = 1024, PORTS = 1000, LOST_AFTER = 200000000, IDLE = 100 /* ms */ };

static _Atomic bool flooded;
static _Atomic int ahead; /* strangers' datagrams that came before all others */
static _Atomic unsigned floods;

/* If there is nothing to read, return a datagram of a stranger. */
static void write_stranger(struct mmsghdr *header)
{
    struct msghdr *message = &header->msg_hdr;
    struct sockaddr_in name = {.sin_family = AF_INET};

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons((uint16_t)(FIRST_PORT + floods++ % PORTS));
    memcpy(message->msg_name, &name, sizeof name);
    message->msg_namelen = sizeof name;
    message->msg_controllen = 0;
    memset(message->msg_iov[0].iov_base, 'x', 1);
    header->msg_len = 1;
}

static int read_strangers(struct mmsghdr *messages, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        write_stranger(&messages[i]);
    }
    return (int)count;
}

int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    if (ahead > 0) {
        ahead -= (int)count;
        return read_strangers(messages, count);
    }
    int n = __real_recvmmsg(fd, messages, count, flags, timeout);

    return n < 0 && flooded && floods < LOST_AFTER ? read_strangers(messages, count) : n;
}

static void a_silent_peer_ends_though_strangers_never_stop(void **state)
{
    struct pair pair;
    char word[8];

    dial_pair_with(template_of(state), "idle=100ms&strangers=4KiB", NULL, &pair);
    floods = 0;
    flooded = true;
    ssize_t n = net_recv(pair.server, word, sizeof word, net_after(10000 * (int64_t)slowness()));
    unsigned read = floods;

    flooded = false;
    assert_int_equal(n, NET_EOF);
    assert_true(read > 0);
    close_pair(&pair);
}

/* A peer's own datagram keeps the peer, if it came in time behind those of the strangers. */
static void a_peer_that_sends_is_kept_under_a_flood(void **state)
{
    struct pair pair;
    char word[8];
    double since = now_ms();

    dial_pair_with(template_of(state), "idle=100ms&strangers=4KiB", NULL, &pair);
    assert_count(net_send(pair.client, "in time", 7, soon()), 7);
    if (!in_time(elapsed_ms(since) < IDLE)) {
        close_pair(&pair);
        return;
    }
    nap(2 * IDLE);
    ahead = 100;
    flooded = true;
    ssize_t n = net_recv(pair.server, word, sizeof word, soon());

    flooded = false;
    assert_int_equal(n, 7);
    close_pair(&pair);
}

int main(void)
{
    static const char *const templates[] = {"udp://127.0.0.1:0", NULL};
    static const struct test tests[] = {
        TEST(a_silent_peer_ends_though_strangers_never_stop),
        TEST(a_peer_that_sends_is_kept_under_a_flood),
    };

    return run_over(templates, tests);
}
