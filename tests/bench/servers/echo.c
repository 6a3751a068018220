/* Requests of 64 bytes per second of the server's processor time. Every connection always has one
 * request on its way. All servers have the same raw client. */
#include "contest.h"
#include "parts.h"
#include "process.h"
#include "report.h"

#include <stdio.h>

enum { MAX_SERVERS = 8, SPARE = 100 /* descriptors for other things */ };

struct contestant {
    struct server_process server;
    struct client_process client;
};

static double echo_round(void *by)
{
    struct contestant *self = by;
    double before = server_spent(&self->server);

    client_order(&self->client, contest_seconds());
    long answered = client_answer(&self->client);

    return (double)answered / (server_spent(&self->server) - before);
}

/* The first and the last are both the raw server. */
static void compete(const struct server *const *servers, int count, int connections)
{
    struct contestant contestants[MAX_SERVERS];
    struct entry entries[MAX_SERVERS];
    char title[80];

    need(process_may_open(connections + SPARE), "so many descriptors");
    for (int i = 0; i < count; i++) {
        struct contestant *one = &contestants[i];

        server_start(&one->server, servers[i], "tcp://127.0.0.1:0");
        client_start(&one->client, one->server.port, connections, 0);
        client_await(&one->client);
        entries[i] = (struct entry){servers[i]->name, echo_round, one, 0};
    }
    entries[count - 1].name = "raw again";
    snprintf(title, sizeof title, "TCP echo server, 64 B, %d connections, by the server's time",
             connections);
    contest_run(title, entries, count);
    for (int i = 0; i < count; i++) {
        client_stop(&contestants[i].client);
        server_stop(&contestants[i].server);
    }
}

/* The time of the raw server is the mean of two. Which server starts first decides what memory of
 * the kernel it gets, faster or slower, and it keeps that for all rounds. */
static double time_of_raw(int contestant, int count)
{
    return (contest_ratio(0, contestant).median + contest_ratio(count - 1, contestant).median) / 2;
}

void echo_run(void)
{
    enum { POLLER = 1, SIZES = 3 };
    static const int connections[SIZES] = {100, 1000, 8000};
    static char names[SIZES][80];
    const struct server *servers[MAX_SERVERS];
    int count = 0;

    while (server_all[count] != NULL) {
        need(count + 1 < MAX_SERVERS, "so many servers");
        servers[count] = server_all[count];
        count++;
    }
    servers[count++] = &server_raw;
    for (int i = 0; i < SIZES; i++) {
        compete(servers, count, connections[i]);
        snprintf(names[i], sizeof names[i], "echo, %d connections, time of raw", connections[i]);
        target(names[i], time_of_raw(POLLER, count), "<= 1.03");
    }
}
