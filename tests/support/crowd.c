/* A sender with many source addresses. */
#include "crowd.h"
#include "trains.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

enum { FIRST_FACE = 0x7f100000 };

int crowd_dial(net_socket *listener)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)number_of(listener, "port"))};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) +
                                        CMSG_SPACE(sizeof(uint16_t))];
};

static void set_face(struct msghdr *message, struct control *control, unsigned number)
{
    struct in_pktinfo info = {.ipi_spec_dst = {htonl(FIRST_FACE + number % FACES)}};
    struct cmsghdr *header = (struct cmsghdr *)(void *)control->bytes;

    memset(control, 0, sizeof *control);
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(sizeof info);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
}

static void add_segment(struct msghdr *message, struct control *control, size_t segment)
{
    struct cmsghdr *header =
        (struct cmsghdr *)(void *)(control->bytes + CMSG_SPACE(sizeof(struct in_pktinfo)));
    uint16_t each = (uint16_t)segment;

    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof each);
    memcpy(CMSG_DATA(header), &each, sizeof each);
    message->msg_controllen += CMSG_SPACE(sizeof each);
}

void crowd_send(int fd, unsigned number, const void *data, size_t size, size_t segment)
{
    struct control control;
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    set_face(&message, &control, number);
    if (segment > 0 && segment < size) {
        add_segment(&message, &control, segment);
    }
    if (sendmsg(fd, &message, 0) == (ssize_t)size) {
        return;
    }
    assert_true(segment > 0 && segment < size); /* this system has no trains */
    for (size_t at = 0; at < size; at += segment) {
        size_t left = size - at;

        crowd_send(fd, number, (const char *)data + at, left < segment ? left : segment, 0);
    }
}

void crowd_flood(int fd, unsigned first, unsigned count, const void *data, size_t size)
{
    struct control control[CROWD_MOST];
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct mmsghdr messages[CROWD_MOST];
    unsigned sent = 0;

    memset(messages, 0, sizeof messages);
    assert_true(count <= CROWD_MOST);
    for (unsigned i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_iov = &piece;
        messages[i].msg_hdr.msg_iovlen = 1;
        set_face(&messages[i].msg_hdr, &control[i], first + i);
    }
    while (sent < count) {
        int n = sendmmsg(fd, messages + sent, count - sent, 0);

        assert_true(n > 0);
        sent += (unsigned)n;
    }
}
