/* A datagram from source port 0 made answering it NET_MISUSE on the listener, though the
 * program had done nothing wrong, and another failure on an accepted socket. An answer to the
 * source address 0.0.0.0 went to the host itself. */
#include "support.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 4711, WORD = 6 };

static const char word[WORD] = "hello!";
static char in[64];

struct datagram {
    struct udphdr header;
    char data[WORD];
};

static struct datagram datagram_to(net_socket *listener, int from_port)
{
    struct datagram datagram = {.header = {.source = htons((uint16_t)from_port),
                                           .dest = htons((uint16_t)number_of(listener, "port")),
                                           .len = htons(sizeof datagram)}};

    memcpy(datagram.data, word, WORD);
    return datagram;
}

/* ---- Senders ---- */

/* A raw socket writes the header itself; over IPv6 the kernel computes the checksum. */
static void send_from_port_0(net_socket *listener, bool v6)
{
    int checksum_at = 6;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW, IPPROTO_UDP);
    struct sockaddr_in v4_to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6_to = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct datagram datagram = datagram_to(listener, 0);

    assert_true(fd >= 0);
    if (v6) {
        assert_int_equal(
            setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, &checksum_at, sizeof checksum_at), 0);
    }
    ssize_t n = sendto(fd, &datagram, sizeof datagram, 0, v6 ? (void *)&v6_to : (void *)&v4_to,
                       v6 ? sizeof v6_to : sizeof v4_to);

    assert_int_equal(n, sizeof datagram);
    close(fd);
}

static uint16_t checksum(const void *data, size_t size)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < size; i += 2) {
        uint16_t word_of_it;

        memcpy(&word_of_it, (const char *)data + i, sizeof word_of_it);
        sum += word_of_it;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* From 0.0.0.0 to every host of the link, as a host without an address does. */
static void send_from_nowhere(net_socket *listener)
{
    struct {
        struct iphdr ip;
        struct datagram datagram;
    } packet = {.ip = {.version = 4,
                       .ihl = 5,
                       .tot_len = htons(sizeof packet),
                       .ttl = 1,
                       .protocol = IPPROTO_UDP,
                       .daddr = htonl(INADDR_BROADCAST)},
                .datagram = datagram_to(listener, PORT)};
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_IP),
                             .sll_ifindex = (int)if_nametoindex("lo"),
                             .sll_halen = ETH_ALEN};
    int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    packet.ip.check = checksum(&packet.ip, sizeof packet.ip);
    assert_int_equal(sendto(fd, &packet, sizeof packet, 0, (void *)&to, sizeof to), sizeof packet);
    close(fd);
}

/* ---- An answer ---- */

/* Receives the datagram as a stranger's. */
static void receive_stranger(net_socket *listener, net_message *message, const char *text)
{
    char seen[64];

    *message = (net_message){.data = in, .capacity = sizeof in};
    assert_count(net_recv_messages(listener, message, 1, soon()), 1);
    assert_int_equal(message->size, WORD);
    assert_ok(net_endpoint_text(&message->endpoint, seen, sizeof seen));
    assert_string_equal(seen, text);
}

static void expect_unreachable(long long got, const char *what)
{
    char words[64];

    print_message("an answer is %s\n", net_strerror((int)got));
    snprintf(words, sizeof words, "the sender has no %s, so nothing can reach it", what);
    assert_code(got, NET_UNREACHABLE);
    assert_says(words);
}

/* What the listener answers others before it arrives. */
static void a_listener_cannot_answer(net_socket *listener, const net_message *stranger,
                                     const char *what)
{
    char address[ADDRESS_MAX];
    net_message messages[2];

    expect_unreachable(net_send_messages(listener, stranger, 1, soon()), what);
    dial_address(listener, address);
    net_socket *client = assert_socket(net_connect(address, soon()));

    say(client, "first!");
    messages[0] = (net_message){.data = in, .capacity = sizeof in};
    assert_count(net_recv_messages(listener, messages, 1, soon()), 1);
    messages[1] = *stranger;
    assert_int_equal(net_send_messages(listener, messages, 2, soon()), 1);
    assert_int_equal(net_error(), NET_UNREACHABLE);
    assert_count(net_recv(client, in, sizeof in, soon()), WORD);
    net_close(client, NET_NOW);
}

static void an_accepted_socket_cannot(net_socket *listener, net_message *message, const char *what)
{
    net_socket *peer = assert_socket(net_accept(listener, soon()));
    net_message to_peer = {.data = in, .size = WORD};

    assert_count(net_recv(peer, in, sizeof in, soon()), WORD);
    expect_unreachable(net_send(peer, word, WORD, soon()), what);
    expect_unreachable(net_send_messages(peer, message, 1, soon()), what);
    expect_unreachable(net_send_messages(peer, &to_peer, 1, soon()), what);
    net_close(peer, NET_NOW);
}

static void a_sender_without_a_port_is_unreachable(void **state)
{
    const char *address = template_of(state);
    bool v6 = strchr(address, '[') != NULL;
    net_message message;

    if (!may_send_raw(v6 ? AF_INET6 : AF_INET)) {
        skip();
    }
    net_socket *listener = assert_socket(net_listen(address));

    send_from_port_0(listener, v6);
    receive_stranger(listener, &message, v6 ? "[::1]:0" : "127.0.0.1:0");
    a_listener_cannot_answer(listener, &message, "port");
    send_from_port_0(listener, v6);
    an_accepted_socket_cannot(listener, &message, "port");
    net_close(listener, NET_NOW);
}

static void a_sender_without_an_address_is_unreachable(void **state)
{
    net_message message;

    (void)state;
    if (!may_send_raw(AF_INET) || !has_own_network()) {
        skip();
    }
    net_socket *listener = assert_socket(net_listen("udp://0.0.0.0:0"));

    send_from_nowhere(listener);
    receive_stranger(listener, &message, "0.0.0.0:4711");
    a_listener_cannot_answer(listener, &message, "address");
    send_from_nowhere(listener);
    an_accepted_socket_cannot(listener, &message, "address");
    net_close(listener, NET_NOW);
}

int main(void)
{
    static const char *const templates[] = {"udp://127.0.0.1:0", "udp://[::1]:0", "udp://*:0",
                                            "chaos+udp://127.0.0.1:0", NULL};
    static const struct test ports[] = {TEST(a_sender_without_a_port_is_unreachable)};
    static const struct test addresses[] = {TEST(a_sender_without_an_address_is_unreachable)};

    return run_over(templates, ports) + run_once(addresses);
}
