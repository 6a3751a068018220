/* Trains by plain system calls. */
#include "trains.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

static char out[TRAIN_ROOM];
static char in[TRAIN_ROOM];

void raw_send_train(int fd, const void *data, size_t size, size_t segment)
{
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control = {0};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    uint16_t each = (uint16_t)segment;

    control.align.cmsg_level = IPPROTO_UDP;
    control.align.cmsg_type = UDP_SEGMENT;
    control.align.cmsg_len = CMSG_LEN(sizeof each);
    memcpy(CMSG_DATA(&control.align), &each, sizeof each);
    if (sendmsg(fd, &message, 0) == (ssize_t)size) {
        return;
    }
    for (size_t at = 0; at < size; at += segment) {
        size_t length = size - at < segment ? size - at : segment;

        assert_int_equal(send(fd, (const char *)data + at, length, 0), (ssize_t)length);
    }
}

size_t train_of(const struct msghdr *message)
{
    struct msghdr copy = *message;

    for (struct cmsghdr *each = CMSG_FIRSTHDR(&copy); each != NULL;
         each = CMSG_NXTHDR(&copy, each)) {
        if (each->cmsg_level == IPPROTO_UDP && each->cmsg_type == UDP_SEGMENT) {
            uint16_t segment;

            memcpy(&segment, CMSG_DATA(each), sizeof segment);
            return segment;
        }
    }
    return 0;
}

int raw_bind(const char *host, char address[ADDRESS_MAX])
{
    bool v6 = strchr(host, ':') != NULL;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {.any = {.sa_family = v6 ? AF_INET6 : AF_INET}};
    socklen_t length = v6 ? sizeof name.v6 : sizeof name.v4;
    int fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    struct timeval limit = {.tv_sec = 20 * slowness()};

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    inet_pton(name.any.sa_family, host, v6 ? (void *)&name.v6.sin6_addr : &name.v4.sin_addr);
    assert_int_equal(bind(fd, &name.any, length), 0);
    assert_int_equal(getsockname(fd, &name.any, &length), 0);
    snprintf(address, ADDRESS_MAX, v6 ? "udp://[%s]:%d" : "udp://%s:%d", host,
             ntohs(v6 ? name.v6.sin6_port : name.v4.sin_port));
    return fd;
}

bool set_loopback_mtu(int bytes)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_mtu = bytes};
    int fd = has_own_network() ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    bool done = fd >= 0 && ioctl(fd, SIOCSIFMTU, &request) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return done;
}

void send_pattern(int fd, size_t size, size_t segment, size_t offset)
{
    write_pattern(out, size, offset);
    raw_send_train(fd, out, size, segment);
}

size_t hear_pattern(net_socket *socket, size_t size, size_t segment, size_t offset)
{
    for (size_t at = 0; at < size; at += segment) {
        size_t length = size - at < segment ? size - at : segment;

        assert_count(net_recv(socket, in, sizeof in, soon()), (long long)length);
        assert_true(is_pattern(in, length, offset + at));
    }
    return offset + size;
}

void hear_nothing(net_socket *socket)
{
    assert_code(net_recv(socket, in, sizeof in, NET_NOW), NET_TIMEOUT);
}

net_socket *accept_raw(net_socket *listener, int *fd)
{
    *fd = raw_dial(listener);
    assert_int_equal(send(*fd, "hi", 2, 0), 2);
    net_socket *peer = assert_socket(net_accept(listener, soon()));

    assert_count(net_recv(peer, in, sizeof in, soon()), 2);
    return peer;
}

net_socket *dial_raw(const char *template, int *fd)
{
    char address[ADDRESS_MAX];
    struct sockaddr_storage name;
    socklen_t length = sizeof name;

    *fd = raw_bind(strstr(template, "[::1]") != NULL ? "::1" : "127.0.0.1", address);
    net_socket *socket = assert_socket(net_connect(address, soon()));

    assert_count(net_send(socket, "hi", 2, soon()), 2);
    assert_int_equal(recvfrom(*fd, in, sizeof in, 0, (struct sockaddr *)&name, &length), 2);
    assert_int_equal(connect(*fd, (struct sockaddr *)&name, length), 0);
    return socket;
}
