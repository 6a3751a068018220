/* Servers and their clients, each in a process of its own, on the processor of whoever starts them.
 * They end with it. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include "footprint.h"
#include "server.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* Whether a process may have so many descriptors; from then on it has. */
bool process_may_open(int descriptors);

/* ---- A server ---- */

struct server_process {
    pid_t pid;
    int port;
    clockid_t clock;
    int news;                     /* what it tells */
    struct server_shared *shared; /* what it is asked */
};

struct server_news {
    struct server_record record;
    struct footprint footprint;
};

/* Listening, at the address if it is netfacade's, else at 127.0.0.1. */
void server_start(struct server_process *self, const struct server *server, const char *address);
void server_stop(struct server_process *self);

/* Processor seconds that it has spent. */
double server_spent(const struct server_process *self);

/* What it says of itself, when all that was sent to it before is done. The question is one more
 * connection, which is counted. */
struct server_news server_ask(const struct server_process *self);

/* ---- A client of very many connections, by raw epoll ---- */

struct client_process {
    pid_t pid;
    int orders;
    int answers;
};

/* It dials 127.0.0.1 `count` times, each 2,000 of which have a source address of their own, those
 * after the connection `first` of all clients. The port has more clients, so nobody but the kernel
 * chooses theirs. */
void client_start(struct client_process *self, int port, int count, int first);

/* Until it has dialed. */
void client_await(const struct client_process *self);

/* For so many seconds each connection has a request on its way; how many were answered. With 0
 * seconds each makes just one. */
void client_order(const struct client_process *self, double seconds);
long client_answer(const struct client_process *self);

void client_stop(struct client_process *self);

#endif
