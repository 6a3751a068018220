/* Servers and their clients, each in a process of its own, on the processor of the process that
 * starts them. They end with it. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include "footprint.h"
#include "server.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* Whether a process may have this many descriptors. If so, the limit is raised. */
bool process_may_open(int descriptors);

/* ---- A server ---- */

struct server_process {
    pid_t pid;
    int port;
    clockid_t clock;
    int news;                     /* the pipe that it reports through */
    struct server_shared *shared; /* what it is asked for */
};

struct server_news {
    struct server_record record;
    struct footprint footprint;
};

/* Start a server that listens: at the address if it is netfacade's, else at 127.0.0.1. */
void server_start(struct server_process *self, const struct server *server, const char *address);
void server_stop(struct server_process *self);

/* The processor seconds that it has spent. */
double server_spent(const struct server_process *self);

/* What the server reports, once it has finished everything sent to it before. The question is one
 * more connection, and is counted. */
struct server_news server_ask(const struct server_process *self);

/* ---- A client of very many connections, by raw epoll ---- */

struct client_process {
    pid_t pid;
    int orders;
    int answers;
};

/* It dials 127.0.0.1 `count` times. Each 2,000 connections have a source address of their own, the
 * ones after those of the connection `first` of all clients. The port has other clients too, so the
 * kernel alone chooses which server gets which connection. */
void client_start(struct client_process *self, int port, int count, int first);

/* Wait until it has dialed. */
void client_await(const struct client_process *self);

/* For this many seconds each connection has a request on its way. The client then reports how many
 * were answered. With 0 seconds each connection makes one request. */
void client_order(const struct client_process *self, double seconds);
long client_answer(const struct client_process *self);

void client_stop(struct client_process *self);

#endif
