/* A tun device, and what happens to the packets that go through it. */
#include "wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Linux 6.2 */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum {
    PACKET_MOST = 65535 + 40,
    V4_HEADER = 20,
    V6_HEADER = 40,
    V6_FRAGMENT = 8,
    UDP_HEADER = 8,
    PROTOCOL_FRAGMENT = 44,
    MORE_FRAGMENTS = 0x2000 /* of an IPv4 packet; an IPv6 packet has it in bit 0 */
};

/* A packet as the device reads and writes it. */
struct frame {
    struct virtio_net_hdr offload;
    unsigned char packet[PACKET_MOST];
};

struct wire_packet {
    size_t size;
    long datagrams;
    struct frame frame; /* allocated up to the last byte of the packet */
};

/* ---- Creating it ---- */

static bool configure(void)
{
    return run_command("ip -batch - >/dev/null 2>&1", "link set wire0 addrgenmode none\n"
                                                      "link set wire0 txqueuelen 1000\n"
                                                      "link set wire0 up\n"
                                                      "addr add 10.80.0.1/24 dev wire0\n"
                                                      "addr add fd80::1/64 dev wire0 nodad\n");
}

/* The kernel uses a new IPv6 address as its own only after some time. Until then, what is sent to
 * it leaves by the wire. */
static bool comes_up(void)
{
    struct sockaddr_in6 near = {.sin6_family = AF_INET6};
    socklen_t length = sizeof near;
    double since = now_ms();
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool heard = false;

    inet_pton(AF_INET6, "fd80::1", &near.sin6_addr);
    bind(fd, (struct sockaddr *)&near, sizeof near);
    getsockname(fd, (struct sockaddr *)&near, &length);
    while (fd >= 0 && !heard && elapsed_ms(since) < 20000.0 * slowness()) {
        sendto(fd, "", 1, 0, (struct sockaddr *)&near, sizeof near);
        heard = recv(fd, &(char){0}, 1, 0) == 1;
        if (!heard) {
            nap(1);
        }
    }
    close(fd);
    return heard;
}

const char *wire_open(struct wire *wire)
{
    struct ifreq request = {.ifr_name = "wire0", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    const char *trouble = NULL;

    *wire = (struct wire){.fd = -1};
    if (!has_own_network()) {
        return "no network namespaces: not root, or not permitted here";
    }
    wire->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (wire->fd < 0 || ioctl(wire->fd, TUNSETIFF, &request) != 0) {
        trouble = "no /dev/net/tun, or not permitted here";
    } else if (!configure()) {
        trouble = "ip(8) of iproute2 is missing, or there is no IPv6 here";
    } else if (!comes_up()) {
        trouble = "the wire does not come up";
    }
    if (trouble != NULL) {
        wire_close(wire);
    }
    return trouble;
}

static void drop_held(struct wire *wire)
{
    while (wire->held_count > 0) {
        free(wire->held[--wire->held_count]);
    }
}

void wire_close(struct wire *wire)
{
    drop_held(wire);
    if (wire->fd >= 0) {
        close(wire->fd);
    }
    wire->fd = -1;
}

bool wire_become(struct wire *wire, enum wire_kind kind)
{
    static const unsigned offloads[WIRE_KINDS] = {
        [WIRE_CUTS_TRAINS] = TUN_F_CSUM,
        [WIRE_TAKES_TRAINS] = TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6,
    };

    drop_held(wire);
    wire->lost = 0;
    wire->doubled = 0;
    wire->delayed = 0;
    wire->trains = 0;
    return ioctl(wire->fd, TUNSETOFFLOAD, (unsigned long)offloads[kind]) == 0;
}

/* ---- Packets ---- */

/* What a packet is: a UDP header with `size` bytes after it, or a fragment. */
struct view {
    const unsigned char *udp; /* NULL: a later fragment */
    size_t size;
    bool is_last; /* of its fragments */
};

static unsigned two_bytes(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void swap(unsigned char *packet, size_t first, size_t size)
{
    unsigned char kept[16];

    memcpy(kept, packet + first, size);
    memmove(packet + first, packet + first + size, size);
    memcpy(packet + first + size, kept, size);
}

static void see(const unsigned char *udp, size_t size, unsigned fragment, bool more,
                struct view *view)
{
    view->is_last = !more;
    view->udp = fragment == 0 && !more ? udp : NULL;
    view->size = size; /* meaningless in a fragment */
}

/* Whether it is UDP, without options of IP. */
static bool look_at(const unsigned char *packet, size_t size, struct view *view)
{
    if (size > V4_HEADER && packet[0] == 0x45 && packet[9] == IPPROTO_UDP) {
        unsigned word = two_bytes(packet + 6);

        see(packet + V4_HEADER, size - V4_HEADER - UDP_HEADER, word & 0x1fff,
            (word & MORE_FRAGMENTS) != 0, view);
        return true;
    }
    if (size < V6_HEADER + V6_FRAGMENT || packet[0] >> 4 != 6) {
        return false;
    }
    bool cut = packet[6] == PROTOCOL_FRAGMENT;
    unsigned word = cut ? two_bytes(packet + V6_HEADER + 2) : 0;

    see(packet + V6_HEADER, size - V6_HEADER - UDP_HEADER, word >> 3, (word & 1) != 0, view);
    return (cut ? packet[V6_HEADER] : packet[6]) == IPPROTO_UDP;
}

/* Whether it was sent to a far address. If so, its source becomes that address now. */
static bool turn(unsigned char *packet)
{
    static const unsigned char far_v4[] = {10, 80, 0, 2};
    static const unsigned char far_v6[16] = {0xfd, 0x80, [15] = 2};
    bool v4 = packet[0] >> 4 == 4;

    if (memcmp(packet + (v4 ? 16 : 24), v4 ? far_v4 : far_v6, v4 ? 4 : 16) != 0) {
        return false;
    }
    swap(packet, v4 ? 12 : 8, v4 ? 4 : 16);
    return true;
}

static bool is_train(const struct frame *frame)
{
    return frame->offload.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
}

/* A fragmented datagram is counted by its last fragment, which is sent last. */
static long count_datagrams(const struct frame *frame, const struct view *view)
{
    size_t segment = is_train(frame) ? frame->offload.gso_size : 0;

    return segment != 0 ? (long)((view->size + segment - 1) / segment) : view->is_last;
}

/* The witness is called first, so that no datagram arrives that it has not seen. */
static void deliver(struct wire *wire, const struct wire_packet *packet)
{
    size_t segment = is_train(&packet->frame) ? packet->frame.offload.gso_size : PACKET_MOST;
    struct view view;

    look_at(packet->frame.packet, packet->size - sizeof packet->frame.offload, &view);
    for (size_t at = 0; view.udp != NULL && wire->witness != NULL && at < view.size;
         at += segment) {
        size_t left = view.size - at;

        wire->witness(wire->context, two_bytes(view.udp), two_bytes(view.udp + 2),
                      view.udp + UDP_HEADER + at, left < segment ? left : segment);
    }
    assert_int_equal(write(wire->fd, &packet->frame, packet->size), packet->size);
}

static void deliver_held(struct wire *wire, unsigned i)
{
    struct wire_packet *packet = wire->held[i];

    wire->held[i] = wire->held[--wire->held_count];
    deliver(wire, packet);
    free(packet);
}

static void hold(struct wire *wire, const struct wire_packet *packet)
{
    size_t size = offsetof(struct wire_packet, frame) + packet->size;
    struct wire_packet *copy = NULL;

    if (wire->held_count == WIRE_HELD_MOST) {
        deliver_held(wire, random_below(&wire->seed, wire->held_count));
    }
    copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, packet, size);
    wire->held[wire->held_count++] = copy;
    wire->delayed += packet->datagrams;
}

static void decide(struct wire *wire, const struct wire_packet *packet)
{
    if (random_below(&wire->seed, 100) < wire->loses) {
        wire->lost += packet->datagrams;
        return;
    }
    int copies = random_below(&wire->seed, 100) < wire->doubles ? 2 : 1;

    wire->doubled += copies == 2 ? packet->datagrams : 0;
    for (int i = 0; i < copies; i++) {
        if (random_below(&wire->seed, 100) < wire->holds) {
            hold(wire, packet);
        } else {
            deliver(wire, packet);
        }
    }
    if (wire->held_count > 0 && random_below(&wire->seed, 100) < wire->holds) {
        deliver_held(wire, random_below(&wire->seed, wire->held_count));
    }
}

/* Other packets, such as those an IPv6 host sends by itself, are dropped here. */
void wire_carry(struct wire *wire, long datagrams)
{
    static struct wire_packet packet;
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    long taken = 0;

    while (taken < datagrams) {
        struct view view;

        assert_int_equal(poll(&ready, 1, 20000 * slowness()), 1);
        ssize_t size = read(wire->fd, &packet.frame, sizeof packet.frame);

        assert_true(size > (ssize_t)sizeof packet.frame.offload);
        packet.size = (size_t)size;
        if (look_at(packet.frame.packet, packet.size - sizeof packet.frame.offload, &view) &&
            turn(packet.frame.packet)) {
            packet.datagrams = count_datagrams(&packet.frame, &view);
            taken += packet.datagrams;
            wire->trains += is_train(&packet.frame) ? 1 : 0;
            decide(wire, &packet);
        }
    }
    assert_int_equal(taken, datagrams);
}

void wire_release(struct wire *wire)
{
    while (wire->held_count > 0) {
        deliver_held(wire, random_below(&wire->seed, wire->held_count));
    }
}

/* ---- The kernel's counters ---- */

long kernel_count(const char *name)
{
    char names[1024];
    char values[1024];
    char key[64];
    char *rest[2];
    long sum = 0;
    FILE *file = fopen("/proc/net/snmp", "re");

    assert_non_null(file);
    while (fgets(names, sizeof names, file) && fgets(values, sizeof values, file)) {
        char *value = strtok_r(values, " \n", &rest[1]);

        for (char *each = strtok_r(names, " \n", &rest[0]);
             each != NULL && value != NULL && strncmp(names, "Udp:", 4) == 0;
             each = strtok_r(NULL, " \n", &rest[0])) {
            sum += strcmp(each, name) == 0 ? strtol(value, NULL, 10) : 0;
            value = strtok_r(NULL, " \n", &rest[1]);
        }
    }
    fclose(file);
    file = fopen("/proc/net/snmp6", "re");
    assert_non_null(file);
    while (fscanf(file, "%63s %1023s", key, values) == 2) {
        sum += strncmp(key, "Udp6", 4) == 0 && strcmp(key + 4, name) == 0 ? strtol(values, NULL, 10)
                                                                          : 0;
    }
    fclose(file);
    return sum;
}
