#include "crowd.h"
#include "contest.h"
#include "parts.h"
#include "udp.h"
#include "wire.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FIRST_HOME = 0x7f100000 }; /* 127.16.0.0 is the address of number 0 */

static int fd = -1;
static _Alignas(PAGE) char data[BURST][SMALL];
static struct control control[BURST];
static struct iovec iov[BURST];
static struct mmsghdr packets[BURST];

/* Bound to the wildcard, so that it receives what is sent to any of the addresses. */
static void open_once(void)
{
    int on = 1;

    if (fd < 0) {
        fd = udp_open(INADDR_ANY);
        need(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0, "IP_PKTINFO");
    }
}

static void prepare(int count, struct sockaddr_in *name)
{
    for (int i = 0; i < count; i++) {
        iov[i] = (struct iovec){.iov_base = data[i], .iov_len = SMALL};
        packets[i] = (struct mmsghdr){.msg_hdr = {.msg_name = name,
                                                  .msg_namelen = name != NULL ? sizeof *name : 0,
                                                  .msg_iov = &iov[i],
                                                  .msg_iovlen = 1,
                                                  .msg_control = &control[i],
                                                  .msg_controllen = sizeof control[i].room}};
    }
}

static struct in_addr home_of(uint32_t number)
{
    return (struct in_addr){.s_addr = htonl(FIRST_HOME + number)};
}

void crowd_say(int port, const uint32_t *senders, int count)
{
    struct sockaddr_in to = udp_name(port);

    open_once();
    prepare(count, &to);
    for (int i = 0; i < count; i++) {
        struct in_pktinfo info = {.ipi_spec_dst = home_of(senders[i])};

        wire_attach(&packets[i].msg_hdr, &control[i], IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        memcpy(data[i], &senders[i], sizeof senders[i]);
    }
    for (int done = 0; done < count;) {
        int sent = sendmmsg(fd, packets + done, (unsigned)(count - done), 0);

        need(sent > 0, "sendmmsg");
        done += sent;
    }
}

static void check(struct mmsghdr *heard, const char *said, uint32_t number)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(&heard->msg_hdr);
    struct in_pktinfo info;

    need(c != NULL && c->cmsg_type == IP_PKTINFO, "IP_PKTINFO");
    memcpy(&info, CMSG_DATA(c), sizeof info);
    need(heard->msg_len == SMALL && memcmp(said, &number, sizeof number) == 0 &&
             info.ipi_addr.s_addr == home_of(number).s_addr,
         "an answer at the address it is for");
}

void crowd_hear(const uint32_t *senders, int count)
{
    for (int done = 0; done < count;) {
        prepare(count - done, NULL);
        int n = recvmmsg(fd, packets, (unsigned)(count - done), MSG_WAITFORONE, NULL);

        need(n > 0, "an answer");
        for (int i = 0; i < n; i++) {
            check(&packets[i], data[i], senders[done + i]);
        }
        done += n;
    }
}

void crowd_choose(uint32_t *senders, int count, uint32_t first, uint32_t size, uint32_t *next)
{
    for (int i = 0; i < count; i++) {
        senders[i] = first + *next;
        *next = *next + 1 < size ? *next + 1 : 0;
    }
}

net_socket **crowd_accept(net_socket *listener, uint32_t count)
{
    net_socket **sockets = calloc(count, sizeof *sockets);
    net_deadline deadline = net_after(PATIENCE);
    char port[16];

    need(sockets != NULL && net_get(listener, "port", port, sizeof port) > 0, "a crowd");
    for (uint32_t done = 0; done < count;) {
        uint32_t senders[BURST];
        int burst = count - done < BURST ? (int)(count - done) : BURST;

        crowd_choose(senders, burst, 0, count, &(uint32_t){done});
        crowd_say(atoi(port), senders, burst);
        deadline = net_after(PATIENCE);
        for (int i = 0; i < burst; i++) {
            char said[SMALL];
            uint32_t number;
            net_socket *call = net_accept(listener, deadline);

            need(call != NULL, "net_accept");
            need(net_recv(call, said, sizeof said, deadline) == SMALL, "net_recv");
            memcpy(&number, said, sizeof number);
            need(number < count && sockets[number] == NULL, "a peer accepted once");
            sockets[number] = call;
        }
        done += (uint32_t)burst;
    }
    return sockets;
}

void crowd_close(net_socket **sockets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        net_close(sockets[i], NET_NOW);
    }
    free(sockets);
}
