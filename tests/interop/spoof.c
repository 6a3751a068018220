/* spoof PORT COUNT - sends hellos to examples/guarded_server on 127.0.0.1 from COUNT made-up
 * senders, 127.16.x.y, one from each: without a cookie, with a wrong one, with one that another
 * sender got, or too short. Prints how many bytes went there, and how many came back. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    HELLO_SIZE = 32,
    COOKIE_SIZE = 8,
    KINDS = 4,
    VOLLEY = 64,  /* datagrams before it looks at the answers: the queue of the system holds more */
    PATIENCE = 50 /* ms: how long it waits for an answer to a volley */
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static char told[HELLO_SIZE]; /* the last answer, padded */
static long long sent;
static long long heard;

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* See IP_PKTINFO in ip(7). Linux now and then denies a sender address, and allows it the second
 * time. */
static void send_as(int fd, int number, const void *data, size_t size)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr align;
    } control = {0};
    struct in_pktinfo info = {.ipi_spec_dst = {htonl(0x7f100000U + (uint32_t)number)}};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_name = &server,
                             .msg_namelen = sizeof server,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};

    control.align.cmsg_level = IPPROTO_IP;
    control.align.cmsg_type = IP_PKTINFO;
    control.align.cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(&control.align), &info, sizeof info);
    if (sendmsg(fd, &message, 0) < 0 && sendmsg(fd, &message, 0) < 0) {
        die("sendmsg");
    }
    sent += (long long)size;
}

/* The answers come to the made-up addresses, all of which belong to this host. */
static void hear(int fd)
{
    char answer[HELLO_SIZE];
    ssize_t n = recv(fd, answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);

    while (n >= 0) {
        heard += n;
        if (n == COOKIE_SIZE) {
            memcpy(told, answer, COOKIE_SIZE);
        }
        n = recv(fd, answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);
    }
}

int main(int argc, char **argv)
{
    const char wrong[HELLO_SIZE] = "a cookie that nobody was told";
    const char none[HELLO_SIZE] = "";
    struct sockaddr_in everywhere = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (argc != 3) {
        fprintf(stderr, "usage: spoof PORT COUNT\n");
        return 2;
    }
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((uint16_t)atoi(argv[1]));
    if (fd < 0 || bind(fd, (struct sockaddr *)&everywhere, sizeof everywhere) != 0) {
        die("bind"); /* and not connected: it receives the answers to all its senders */
    }
    for (int i = 0; i < atoi(argv[2]); i++) {
        const char *const hello[KINDS] = {none, wrong, told, none};

        send_as(fd, i, hello[i % KINDS], i % KINDS == KINDS - 1 ? COOKIE_SIZE : HELLO_SIZE);
        if (i % VOLLEY == VOLLEY - 1) {
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENCE);
            hear(fd);
        }
    }
    printf("sent %lld heard %lld\n", sent, heard);
    return EXIT_SUCCESS;
}
