/* wrap: setsockopt */
/* A receive of a dialed udp socket lasted as long as datagrams with a bad checksum came: the
 * kernel dropped each in the receive, and then started the timeout of the receive again. */
#include "watching.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WAIT = 100,
    PAUSE = 10,
    LONGEST = 800,
    OVERSHOOT = 250 /* ms: others use the machine */,
    WORD = 100
};

/* ---- A thread that sends bad datagrams in the name of the peer ---- */

struct forger {
    int fd;
    struct sockaddr_storage to;
    unsigned from_port;
    unsigned to_port;
    _Atomic bool stop;
    _Atomic int sent;
    pthread_t thread;
};

/* A raw socket gets no port: the header has both. */
static void *forge(void *argument)
{
    struct forger *self = argument;
    unsigned char packet[sizeof(struct udphdr) + WORD] = {0};
    struct udphdr header = {.source = htons((uint16_t)self->from_port),
                            .dest = htons((uint16_t)self->to_port),
                            .len = htons(sizeof packet),
                            .check = htons(0xbad)};
    double since = now_ms();

    memcpy(packet, &header, sizeof header);
    while (!self->stop && elapsed_ms(since) < LONGEST * slowness()) {
        ssize_t n = sendto(self->fd, packet, sizeof packet, 0, (void *)&self->to, sizeof self->to);

        self->sent += n == sizeof packet;
        nap(PAUSE);
    }
    return NULL;
}

/* Datagrams to `to` that seem to come from `from`; both are on the loopback of one family. */
static void forger_start(struct forger *self, net_socket *from, net_socket *to, bool v6)
{
    struct sockaddr_in *v4_to = (void *)&self->to;
    struct sockaddr_in6 *v6_to = (void *)&self->to;

    *self = (struct forger){.fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW, IPPROTO_UDP)};
    assert_true(self->fd >= 0);
    if (v6) {
        *v6_to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    } else {
        *v4_to = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    }
    self->from_port = (unsigned)number_of(from, "port");
    self->to_port = (unsigned)number_of(to, "port");
    assert_int_equal(pthread_create(&self->thread, NULL, forge, self), 0);
}

static void forger_stop(struct forger *self)
{
    self->stop = true;
    pthread_join(self->thread, NULL);
    close(self->fd);
}

/* ---- The system may refuse a filter ---- */

static bool refuses_filters;

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    if (refuses_filters && level == SOL_SOCKET && name == SO_ATTACH_FILTER) {
        errno = ENOMEM;
        return -1;
    }
    return __real_setsockopt(fd, level, name, value, size);
}

/* ---- The receive ends at its deadline ---- */

static char in[64];

static int one(net_socket *socket)
{
    return (int)net_recv(socket, in, sizeof in, net_after(WAIT));
}

static int many(net_socket *socket)
{
    net_message message[2] = {{.data = in, .capacity = 32}, {.data = in + 32, .capacity = 32}};

    return net_recv_messages(socket, message, 2, net_after(WAIT));
}

static void expect_timeout(struct pair *pair, net_socket *receiver, int (*call)(net_socket *),
                           bool v6)
{
    net_socket *peer = receiver == pair->client ? pair->server : pair->client;
    struct forger forger;

    forger_start(&forger, peer, receiver, v6);
    double since = now_ms();
    double cpu = thread_cpu_ms();
    int n = call(receiver);
    double took = elapsed_ms(since);

    cpu = thread_cpu_ms() - cpu;
    forger_stop(&forger);
    print_message("%.1f ms and %.1f ms of cpu for a deadline of %d ms, %d bad datagrams\n", took,
                  cpu, WAIT, forger.sent);
    assert_int_equal(n, NET_TIMEOUT);
    assert_true(forger.sent > 1);
    assert_took(took, WAIT, WAIT + OVERSHOOT);
    in_time(cpu < WAIT / 10.0 * slowness());
    say(peer, "good");
    assert_count(net_recv(receiver, in, sizeof in, soon()), 4);
}

static bool is_v6(const char *address)
{
    return strchr(address, '[') != NULL;
}

static void expect_all_timeouts(const char *address)
{
    struct pair pair;

    dial_pair(address, &pair);
    expect_timeout(&pair, pair.client, one, is_v6(address));
    expect_timeout(&pair, pair.client, many, is_v6(address));
    expect_timeout(&pair, pair.server, one, is_v6(address));
    close_pair(&pair);
}

static void skip_without_forger(const char *address)
{
    if (!may_send_raw(is_v6(address) ? AF_INET6 : AF_INET)) {
        skip();
    }
}

static void a_receive_ends_in_time(void **state)
{
    skip_without_forger(template_of(state));
    expect_all_timeouts(template_of(state));
}

static void it_does_where_no_filter_can_be_attached(void **state)
{
    skip_without_forger(template_of(state));
    refuses_filters = true;
    expect_all_timeouts(template_of(state));
    refuses_filters = false;
}

/* ---- The filter is the library's own matter ---- */

static int filter_length(int fd)
{
    socklen_t length = 0;

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &length), 0);
    return (int)length;
}

static void wait_once(net_socket *socket)
{
    assert_code(net_recv(socket, in, sizeof in, net_after(PAUSE)), NET_TIMEOUT);
}

static void a_released_descriptor_has_no_filter(void **state)
{
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_code(net_recv(pair.client, in, sizeof in, NET_NOW), NET_TIMEOUT);
    assert_int_equal(filter_length(net_fd(pair.client)), 0);
    wait_once(pair.client);
    assert_int_equal(filter_length(net_fd(pair.client)), 1);
    int fd = (int)assert_ok(net_release(pair.client));

    pair.client = NULL;
    assert_int_equal(filter_length(fd), 0);
    close(fd);
    close_pair(&pair);
}

static void a_filter_of_the_programs_stays(void **state)
{
    struct sock_filter code[2] = {{.code = BPF_LD | BPF_W | BPF_LEN},
                                  {.code = BPF_RET | BPF_K, .k = UINT32_MAX}};
    const struct sock_fprog program = {.len = 2, .filter = code};
    struct pair pair;

    dial_pair(template_of(state), &pair);
    assert_int_equal(
        setsockopt(net_fd(pair.client), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    wait_once(pair.client);
    assert_int_equal(filter_length(net_fd(pair.client)), 2);
    int fd = (int)assert_ok(net_release(pair.client));

    pair.client = NULL;
    assert_int_equal(filter_length(fd), 2);
    close(fd);
    close_pair(&pair);
}

int main(void)
{
    static const char *const templates[] = {"udp://127.0.0.1:0", "udp://[::1]:0",
                                            "chaos+udp://127.0.0.1:0", NULL};
    static const char *const plain[] = {"udp://127.0.0.1:0", NULL};
    static const struct test timeouts[] = {
        TEST(a_receive_ends_in_time),
        TEST(it_does_where_no_filter_can_be_attached),
    };
    static const struct test filters[] = {
        TEST(a_released_descriptor_has_no_filter),
        TEST(a_filter_of_the_programs_stays),
    };

    return run_over(templates, timeouts) + run_over(plain, filters);
}
