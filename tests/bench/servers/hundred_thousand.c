/* A hundred thousand connections to one port that several server processes share. */
#include "contest.h"
#include "parts.h"
#include "process.h"
#include "report.h"

#include <stdio.h>

/* The kernel distributes connections by a hash, so a server may get somewhat more than its share.
 */
enum { PROCESSES = 6, CONNECTIONS = 100000, EACH = CONNECTIONS / PROCESSES, SPARE = 1000 };

static struct server_process servers[PROCESSES];
static struct client_process clients[PROCESSES];

static void start_servers(void)
{
    char address[64] = "tcp://127.0.0.1:0?reuseport=on";

    for (int i = 0; i < PROCESSES; i++) {
        server_start(&servers[i], &server_poller, address);
        snprintf(address, sizeof address, "tcp://127.0.0.1:%d?reuseport=on", servers[0].port);
    }
}

/* How many of them client `number` makes. */
static int share(int number)
{
    return number + 1 < PROCESSES ? EACH : CONNECTIONS - number * EACH;
}

static void dial(void)
{
    for (int i = 0; i < PROCESSES; i++) {
        client_start(&clients[i], servers[0].port, share(i), i * EACH);
    }
    for (int i = 0; i < PROCESSES; i++) {
        client_await(&clients[i]);
    }
}

static void echo_once(void)
{
    for (int i = 0; i < PROCESSES; i++) {
        client_order(&clients[i], 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        need(client_answer(&clients[i]) == share(i), "an answer each");
    }
}

void hundred_thousand_run(void)
{
    if (!process_may_open(EACH + SPARE)) {
        printf("no %d connections: too few descriptors\n", CONNECTIONS);
        return;
    }
    contest_roam(true);
    double begun = contest_now();

    start_servers();
    dial();
    double dialed = contest_now();

    echo_once();
    double echoed = contest_now();

    for (int i = 0; i < PROCESSES; i++) {
        client_stop(&clients[i]);
        server_stop(&servers[i]);
    }
    contest_roam(false);
    printf("%d connections over %d server processes: all dialed in %.1f s, all echoed in %.1f s, "
           "closed in %.1f s\n",
           CONNECTIONS, PROCESSES, dialed - begun, echoed - dialed, contest_now() - echoed);
    target("seconds to dial 100,000 and have an echo from each", echoed - begun, "(to compare)");
}
