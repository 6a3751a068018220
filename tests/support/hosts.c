/* Network namespaces, the virtual wires between them, and packet taps on the wires. */
#include "hosts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SKIPPED = 77 };

static int host_fd[HOSTS] = {-1, -1, -1};

/* IPv6 addresses are usable at once, without duplicate address detection: no other host can have
 * them. */
static const char *const plans[HOSTS] = {
    [NEAR] = "link add eth0 type veth peer name eth0 netns %s\n"
             "link add eth1 type veth peer name eth1 netns %s\n"
             "link set dev eth0 addrgenmode none\n"
             "link set dev eth1 addrgenmode none\n"
             "addr add 10.77.0.1/24 brd + dev eth0\n"
             "addr add fd77::1/64 dev eth0 nodad\n"
             "addr add fe80::1/64 dev eth0 nodad\n"
             "addr add 10.78.0.1/24 brd + dev eth1\n"
             "addr add fd78::1/64 dev eth1 nodad\n"
             "addr add fe80::11/64 dev eth1 nodad\n"
             "link set lo up\n"
             "link set eth0 up\n"
             "link set eth1 up\n"
             "route add 10.79.0.0/24 via 10.77.0.2\n"
             "route add fd79::/64 via fd77::2\n",
    [FAR] = "link set dev eth0 addrgenmode none\n"
            "link set dev eth1 addrgenmode none\n"
            "link add eth2 mtu 1300 type veth peer name eth0 mtu 1300 netns %s\n"
            "link set dev eth2 addrgenmode none\n"
            "addr add 10.77.0.2/24 brd + dev eth0\n"
            "addr add 10.77.0.3/24 brd + dev eth0\n"
            "addr add fd77::2/64 dev eth0 nodad\n"
            "addr add fd77::3/64 dev eth0 nodad\n"
            "addr add fe80::2/64 dev eth0 nodad\n"
            "addr add 10.78.0.2/24 brd + dev eth1\n"
            "addr add fd78::2/64 dev eth1 nodad\n"
            "addr add fe80::12/64 dev eth1 nodad\n"
            "addr add 10.79.0.1/24 dev eth2\n"
            "addr add fd79::1/64 dev eth2 nodad\n"
            "addr add fe80::21/64 dev eth2 nodad\n"
            "link set lo up\n"
            "link set eth0 up\n"
            "link set eth1 up\n"
            "link set eth2 up\n",
    [BEYOND] = "link set dev eth0 addrgenmode none\n"
               "addr add 10.79.0.2/24 dev eth0\n"
               "addr add 10.79.0.3/24 dev eth0\n"
               "addr add fd79::2/64 dev eth0 nodad\n"
               "addr add fe80::22/64 dev eth0 nodad\n"
               "link set lo up\n"
               "link set eth0 up\n"
               "route add default via 10.79.0.1\n"
               "route add default via fd79::1\n"};

void go_to(enum host host)
{
    assert_int_equal(setns(host_fd[host], CLONE_NEWNET), 0);
}

static bool write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    return file != NULL && (fputs(text, file) >= 0) + (fclose(file) == 0) == 2;
}

/* ip(8) reaches the next host, the other end of these wires, by our descriptor of its namespace. */
static bool lay_wires(enum host host)
{
    char next[64] = "";
    FILE *ip = popen("ip -batch - >/dev/null", "w");

    if (ip == NULL) {
        return false;
    }
    if (host + 1 < HOSTS) {
        snprintf(next, sizeof next, "/proc/%d/fd/%d", (int)getpid(), host_fd[host + 1]);
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    fprintf(ip, plans[host], next, next);
#pragma GCC diagnostic pop
    return pclose(ip) == 0;
}

/* An interface gets its IPv6 routes some time after both ends of its wire are up. */
static bool comes_up(const char *interface)
{
    struct sockaddr_in6 all = {.sin6_family = AF_INET6,
                               .sin6_port = htons(9),
                               .sin6_addr = {.s6_addr = {0xff, 0x02, [15] = 1}},
                               .sin6_scope_id = if_nametoindex(interface)};
    double since = now_ms();
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int code = -1;

    while (fd >= 0 && code != 0 && elapsed_ms(since) < 20000.0 * slowness()) {
        code = connect(fd, (struct sockaddr *)&all, sizeof all);
        if (code != 0) {
            nap(5);
        }
    }
    close(fd);
    return code == 0;
}

static bool all_come_up(void)
{
    static const char *const interfaces[HOSTS][4] = {
        {"eth0", "eth1"}, {"eth0", "eth1", "eth2"}, {"eth0"}};
    bool up = true;

    for (enum host i = NEAR; i < HOSTS; i++) {
        go_to(i);
        for (int j = 0; interfaces[i][j] != NULL; j++) {
            up = up && comes_up(interfaces[i][j]);
        }
    }
    return up;
}

/* After the first failure: what failed. */
static const char *make_hosts(void)
{
    for (enum host i = NEAR; i < HOSTS; i++) {
        if (unshare(CLONE_NEWNET) != 0) {
            return "no network namespaces: not root, or not permitted here";
        }
        host_fd[i] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    for (enum host i = NEAR; i < HOSTS; i++) {
        go_to(i);
        if (!lay_wires(i)) {
            return "ip(8) of iproute2 is missing, or may not make veth pairs";
        }
    }
    go_to(FAR);
    if (!write_file("/proc/sys/net/ipv4/ip_forward", "1") ||
        !write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1")) {
        return "a host may not forward here";
    }
    return all_come_up() ? NULL : "the wires do not come up";
}

int run_on_hosts(const struct test *tests, size_t count)
{
    const char *trouble = make_hosts();
    int failures = SKIPPED;

    if (trouble != NULL) {
        print_message("skipped: %s\n", trouble);
    } else {
        go_to(NEAR);
        failures = run_list(NULL, tests, count);
    }
    for (enum host i = NEAR; i < HOSTS; i++) {
        close(host_fd[i]);
    }
    return failures;
}

/* ---- Taps ---- */

int tap_open(const char *interface)
{
    struct sockaddr_ll where = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_ALL),
                                .sll_ifindex = (int)if_nametoindex(interface)};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof where), 0);
    return fd;
}

static bool has_port(const uint8_t *ports, int port)
{
    return (ports[0] << 8 | ports[1]) == port || (ports[2] << 8 | ports[3]) == port;
}

/* Whether the frame is an IP packet to or from the port. */
static bool take_apart(const uint8_t *bytes, ssize_t size, int port, struct packet *packet)
{
    enum { V4_HEADER = 20, V6_HEADER = 40 };

    *packet = (struct packet){.version = size > 0 ? bytes[0] >> 4 : 0};
    if (packet->version == 4 && size >= V4_HEADER + 4) {
        packet->traffic_class = bytes[1];
        packet->ttl = bytes[8];
        return has_port(bytes + V4_HEADER, port);
    }
    if (packet->version == 6 && size >= V6_HEADER + 4) {
        packet->traffic_class = (bytes[0] & 0x0f) << 4 | bytes[1] >> 4;
        packet->ttl = bytes[7];
        return has_port(bytes + V6_HEADER, port);
    }
    return false;
}

void tap_next(int fd, int port, struct packet *packet)
{
    uint8_t bytes[2048];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t size = 0;

    do {
        assert_int_equal(poll(&ready, 1, 20000 * slowness()), 1);
        size = recv(fd, bytes, sizeof bytes, 0);
    } while (!take_apart(bytes, size, port, packet));
}
