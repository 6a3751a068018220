/* Makes a counted number of requests to an echo server with 100 connections, and nothing else, for
 * tools that count instructions and system calls:
 *
 *     bench_requests                    prints the names of the servers, one per line
 *     bench_requests SERVER echo COUNT  COUNT in hundreds is best
 *
 * One thread acts for both sides, and the raw client is always the same: all connections send a
 * request, the server answers all of them, the client receives all answers. */
#include "contest.h"
#include "server.h"
#include "udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CONNECTIONS = 100 };

static void dial_all(const struct server *server, int *fds)
{
    struct sockaddr_in name = udp_name(server->open("tcp://127.0.0.1:0"));

    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        need(connect(fds[i], (struct sockaddr *)&name, sizeof name) == 0, "connect");
    }
    while (server_record.accepted < CONNECTIONS) {
        server->turn();
    }
}

static void request_all(const struct server *server, const int *fds, int count)
{
    static _Alignas(PAGE) char data[SMALL];
    long wanted = server_record.echoed + count;

    for (int i = 0; i < count; i++) {
        need(send(fds[i], data, SMALL, MSG_NOSIGNAL) == SMALL, "send");
    }
    while (server_record.echoed < wanted) {
        server->turn();
    }
    for (int i = 0; i < count; i++) {
        need(recv(fds[i], data, SMALL, 0) == SMALL, "recv");
    }
}

int main(int argc, char **argv)
{
    int fds[CONNECTIONS];

    if (argc != 4) {
        for (int i = 0; server_all[i] != NULL; i++) {
            puts(server_all[i]->name);
        }
        return 0;
    }
    const struct server *server = server_named(argv[1]);

    need(server != NULL, "bench_requests SERVER echo COUNT");
    dial_all(server, fds);
    for (long left = atol(argv[3]); left > 0; left -= CONNECTIONS) {
        request_all(server, fds, left < CONNECTIONS ? (int)left : CONNECTIONS);
    }
    return 0;
}
