/* How much memory of the server an idle, watched connection takes. The kernel's memory is not
 * counted. */
#include "contest.h"
#include "parts.h"
#include "process.h"
#include "report.h"

#include <stdio.h>

enum { CONNECTIONS = 19000, CLIENTS = 2, EACH = CONNECTIONS / CLIENTS, SPARE = 100 };

static double most(struct footprint bytes)
{
    double more = bytes.heap > bytes.arena ? bytes.heap : bytes.arena;

    return more > bytes.anonymous ? more : bytes.anonymous;
}

/* Returns the bytes for each connection, by the largest of the three counts. */
static double measure(const struct server *kind)
{
    struct server_process server;
    struct client_process clients[CLIENTS];

    server_start(&server, kind, "tcp://127.0.0.1:0");
    struct footprint before = server_ask(&server).footprint;

    for (int i = 0; i < CLIENTS; i++) {
        client_start(&clients[i], server.port, EACH, i * EACH);
    }
    for (int i = 0; i < CLIENTS; i++) {
        client_await(&clients[i]);
    }
    struct server_news news = server_ask(&server);
    struct footprint each = {.heap = (news.footprint.heap - before.heap) / CONNECTIONS,
                             .arena = (news.footprint.arena - before.arena) / CONNECTIONS,
                             .anonymous =
                                 (news.footprint.anonymous - before.anonymous) / CONNECTIONS};

    need(news.record.accepted >= CONNECTIONS, "every connection");
    printf("  %-22s %8.1f %8.1f %8.1f\n", kind->name, each.heap, each.arena, each.anonymous);
    for (int i = 0; i < CLIENTS; i++) {
        client_order(&clients[i], 0); /* the connections are still served */
        need(client_answer(&clients[i]) == EACH, "an answer each");
        client_stop(&clients[i]);
    }
    server_stop(&server);
    return most(each);
}

void memory_run(void)
{
    if (!process_may_open(CONNECTIONS + SPARE)) {
        printf("no memory of %d connections: too few descriptors\n", CONNECTIONS);
        return;
    }
    printf("%d idle connections, bytes of the server for each:\n"
           "  %-22s %8s %8s %8s\n",
           CONNECTIONS, "", "heap", "arena", "resident");
    for (int i = 0; server_all[i] != NULL; i++) {
        double bytes = measure(server_all[i]);

        if (server_all[i] == &server_poller) {
            target("bytes of an idle, watched connection, by any account", bytes, "<= 200");
        }
    }
}
