#include "udp.h"
#include "contest.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    ROOM = 4 * 1024 * 1024, /* UDP_ROOM */
    OVERHEAD = 1024,        /* the most bytes that the kernel counts beside the payload */
    SHARE = 4, /* the part of the room that is used is one in so many; the rest is for what the
                  kernel frees late */
    BATCH = 64,
    TRIES = 100 /* for a port that another program took in between */
};

struct sockaddr_in udp_name(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int udp_open(uint32_t address)
{
    struct sockaddr_in name = udp_name(0);
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    int room = ROOM;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    name.sin_addr.s_addr = htonl(address);
    need(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0, "bind");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

int udp_port(int fd)
{
    struct sockaddr_in name;
    socklen_t length = sizeof name;

    need(getsockname(fd, (struct sockaddr *)&name, &length) == 0, "getsockname");
    return ntohs(name.sin_port);
}

void udp_dial(int fd, int port)
{
    struct sockaddr_in name = udp_name(port);

    need(connect(fd, (struct sockaddr *)&name, sizeof name) == 0, "connect");
}

int udp_pile(size_t size, int most)
{
    int fd = udp_open(INADDR_LOOPBACK);
    int room = 0;
    socklen_t length = sizeof room;

    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &length);
    close(fd);
    int fits = room / SHARE / ((int)size + OVERHEAD);
    int pile = (fits < most ? fits : most) / BATCH * BATCH;

    return pile > 0 ? pile : BATCH;
}

net_socket *udp_listen(const char *host, const char *options)
{
    char address[128];

    snprintf(address, sizeof address, "udp://%s:0?" UDP_ROOM "%s", host, options);
    net_socket *listener = net_listen(address);

    need(listener != NULL, address);
    return listener;
}

net_socket *udp_facade_dial(int port, const char *options)
{
    char address[128];

    snprintf(address, sizeof address, "udp://127.0.0.1:%d?" UDP_ROOM "%s", port, options);
    return net_connect(address, net_after(PATIENCE));
}

int udp_facade_port(net_socket *socket)
{
    char port[16];

    need(net_get(socket, "port", port, sizeof port) > 0, "net_get");
    return atoi(port);
}

void udp_raw_pair(int fds[2])
{
    fds[0] = udp_open(INADDR_LOOPBACK);
    fds[1] = udp_open(INADDR_LOOPBACK);
    udp_dial(fds[0], udp_port(fds[1]));
    udp_dial(fds[1], udp_port(fds[0]));
}

/* The first dials a port that is reserved for the second until the second can dial back from it. */
void udp_facade_pair(net_socket *sockets[2])
{
    sockets[1] = NULL;
    for (int i = 0; i < TRIES && sockets[1] == NULL; i++) {
        char source[64];
        int kept = udp_open(INADDR_LOOPBACK);
        int port = udp_port(kept);

        sockets[0] = udp_facade_dial(port, "");
        need(sockets[0] != NULL, "net_connect");
        snprintf(source, sizeof source, "&source=127.0.0.1:%d", port);
        close(kept);
        sockets[1] = udp_facade_dial(udp_facade_port(sockets[0]), source);
        if (sockets[1] == NULL) {
            net_close(sockets[0], NET_NOW);
        }
    }
    need(sockets[1] != NULL, "net_connect");
}
