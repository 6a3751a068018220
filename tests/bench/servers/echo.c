/* Requests of 64 bytes for each second of the server's processor time. Every connection has always
 * one on its way; the client is the same raw one for all. */
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

/* `who` may be several times the same. */
static void compete(const struct server *const *who, int count, int connections)
{
    struct contestant contestants[MAX_SERVERS];
    struct entry entries[MAX_SERVERS];
    char title[80];

    need(process_may_open(connections + SPARE), "so many descriptors");
    for (int i = 0; i < count; i++) {
        struct contestant *one = &contestants[i];

        server_start(&one->server, who[i], "tcp://127.0.0.1:0");
        client_start(&one->client, one->server.port, connections, 0);
        client_await(&one->client);
        entries[i] = (struct entry){i == 1 ? "raw again" : who[i]->name, echo_round, one, 0};
    }
    snprintf(title, sizeof title, "TCP echo server, 64 B, %d connections, by the server's time",
             connections);
    contest_run(title, entries, count);
    for (int i = 0; i < count; i++) {
        client_stop(&contestants[i].client);
        server_stop(&contestants[i].server);
    }
}

void echo_run(void)
{
    enum { RAW, RAW_AGAIN, POLLER };
    static const int connections[] = {100, 1000, 8000};
    static char names[3][80];
    const struct server *who[MAX_SERVERS] = {&server_raw};
    int count = 1;

    for (int i = 0; server_all[i] != NULL; i++) {
        need(count < MAX_SERVERS, "so many servers");
        who[count++] = server_all[i];
    }
    for (int i = 0; i < 3; i++) {
        compete(who, count, connections[i]);
        snprintf(names[i], sizeof names[i], "echo, %d connections, time of raw", connections[i]);
        target(names[i], contest_ratio(RAW, POLLER).median, "<= 1.03");
    }
}
