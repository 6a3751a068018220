/* port_check [-t MS] HOST PORT... - which tcp ports of a host can be dialed, all at once.
 *
 *     port_check localhost 22 80 8000-8099
 *     port_check -t 500 2001:db8::7 1-1024
 *
 * All dials run at the same time, and one poller tells when one is decided. The whole check takes
 * at most MS milliseconds (3000). When there are more ports than the process may have dials, it
 * dials them in waves, each with its share of the time that is left.
 *
 * A name is dialed as a client would: a port is open when it is at any address of the name.
 * Exit status: 0 all are open, 1 some are not, 2 nothing could be checked. */
#define _POSIX_C_SOURCE 200809L

#include <netfacade.h>

#include "text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PORTS = 65535,
    USUAL_MS = 3000,
    FLIGHT = 1000,         /* dials at a time: more would only wait in queues of the network */
    SPARE_DESCRIPTORS = 8, /* not for dials: the standard three and the poller's */
    PER_DIAL = 4,          /* descriptors of a dial: its own set, and a name's first attempts */
    NAME_SIZE = 253,       /* the longest possible name (RFC 1035) */
    ADDRESS_SIZE = 300,
    TICK_MS = 100, /* how often a terminal shows progress */
    NS_PER_MS = 1000000
};

struct check {
    int port;
    int code; /* of the failed dial; 0: open */
    net_socket *call;
    net_deadline begun;
    net_deadline took; /* nanoseconds */
};

static const char *host;
static struct check checks[PORTS];
static int count;        /* of `checks` */
static int begun;        /* how many were dialed: the first ones of `checks` */
static int finished;     /* how many of those are decided */
static int opened;       /* how many of those are open */
static int flight;       /* how many dials may run at a time */
static net_deadline end; /* of the whole check */
static net_poller *poller;

/* ---- What is asked for ---- */

static void usage(void)
{
    fputs("usage: port_check [-t MILLISECONDS] HOST PORT|FIRST-LAST...\n", stderr);
    exit(2);
}

static int number(const char *text, int most)
{
    int64_t value = text_number(text, 1, most);

    if (value < 0) {
        usage();
    }
    return (int)value;
}

/* Add a port, or those of a range. The text is cut at the dash. */
static void add_ports(char *text)
{
    char *dash = strchr(text, '-');

    if (dash != NULL) {
        *dash = '\0';
    }
    int first = number(text, PORTS);
    int last = dash != NULL ? number(dash + 1, PORTS) : first;

    if (first > last || count + last - first >= PORTS) {
        usage();
    }
    for (int port = first; port <= last; port++) {
        checks[count++].port = port;
    }
}

/* ---- Dialing ---- */

/* The address of a port. net_address makes sure that `host` is only a host. Negative: a code. */
static int address_of(int port, char *address)
{
    char digits[sizeof "65535"];

    snprintf(digits, sizeof digits, "%d", port);
    return net_address(address, ADDRESS_SIZE, "tcp", host, digits);
}

static void finish(struct check *check, int code)
{
    check->code = code;
    check->took = net_after(0) - check->begun;
    net_close(check->call, NET_NOW); /* also ends a dial that is not decided */
    finished++;
    opened += code == 0;
}

/* The deadline of a wave: an equal share of the time left for each wave that is still to come. */
static net_deadline share_of_time(void)
{
    net_deadline now = net_after(0);
    int waves = (count - begun + flight - 1) / flight;

    return net_after((end - now) / NS_PER_MS / waves);
}

static void dial_next(void)
{
    struct check *check = &checks[begun];
    net_deadline deadline = share_of_time();
    char address[ADDRESS_SIZE];

    address_of(check->port, address);
    check->begun = net_after(0);
    check->call = net_connect(address, NET_NOW);
    if (check->call == NULL && begun > finished) {
        flight = begun - finished; /* no descriptor for one more: dial this one later */
        return;
    }
    begun++;
    if (check->call == NULL ||
        net_poller_watch(poller, check->call, NET_WRITABLE, check, deadline) != 0) {
        finish(check, net_error());
    }
}

/* Once a dial is decided, `peer` can be read, or fails with the reason. */
static void decide(const net_event *event)
{
    bool decided = (event->ready & NET_WRITABLE) != 0;
    int code = decided ? net_get(event->socket, "peer", NULL, 0) : NET_TIMEOUT;

    finish(event->user, code < 0 ? code : 0);
}

static void wait_for_one(net_deadline deadline)
{
    net_event event;
    int got = net_poller_wait(poller, &event, 1, deadline);

    if (got > 0) {
        decide(&event);
    } else if (got != NET_TIMEOUT) {
        fprintf(stderr, "port_check: %s\n", net_error_text());
        exit(2);
    }
}

static void check_all(void)
{
    bool terminal = isatty(STDERR_FILENO);
    net_deadline told = net_after(0);

    while (finished < count) {
        while (begun < count && begun - finished < flight) {
            dial_next();
        }
        if (begun > finished) { /* dials that fail at once may leave none to wait for */
            wait_for_one(terminal ? net_after(TICK_MS) : NET_FOREVER);
        }
        if (terminal && net_after(-TICK_MS) > told) {
            fprintf(stderr, "\r%d of %d, %d open ", finished, count, opened);
            told = net_after(0);
        }
    }
    if (terminal) {
        fputs("\r\033[K", stderr); /* remove the progress */
    }
}

/* ---- What came of it ---- */

static void print_table(void)
{
    int refused = 0;
    int late = 0;

    puts(" port        ms  service           state");
    for (const struct check *check = checks; check < checks + count; check++) {
        const struct servent *service = getservbyport(htons((uint16_t)check->port), "tcp");
        const char *state = check->code == 0 ? "open" : net_strerror(check->code);
        printf("%5d  %8.1f  %-16s  %s\n", check->port, (double)check->took / NS_PER_MS,
               service != NULL ? service->s_name : "-", state);
        refused += check->code == NET_REFUSED;
        late += check->code == NET_TIMEOUT;
    }
    printf("%d open, %d refused, %d timed out, %d other\n", opened, refused, late,
           count - opened - refused - late);
}

/* As many dials as there are descriptors for. */
static void bound_flight(void)
{
    long descriptors = sysconf(_SC_OPEN_MAX);
    long bound = descriptors < 0 ? FLIGHT : (descriptors - SPARE_DESCRIPTORS) / PER_DIAL;

    flight = bound > FLIGHT ? FLIGHT : bound < 1 ? 1 : (int)bound;
}

int main(int argc, char **argv)
{
    char address[ADDRESS_SIZE];
    net_endpoint somewhere;
    int first = 1;
    int within = USUAL_MS;

    if (argc > 2 && strcmp(argv[1], "-t") == 0) {
        within = number(argv[2], INT32_MAX);
        first = 3;
    }
    if (argc < first + 2 || argv[first][0] == '-' || strlen(argv[first]) > NAME_SIZE) {
        usage();
    }
    host = argv[first];
    for (int i = first + 1; i < argc; i++) {
        add_ports(argv[i]);
    }
    end = net_after(within);
    poller = net_poller_open();
    if (poller == NULL || address_of(checks[0].port, address) < 0 ||
        net_resolve(address, &somewhere, 1, end) < 0) {
        fprintf(stderr, "port_check: %s\n",
                net_error_text()); /* print it once, not for each port */
        return 2;
    }
    bound_flight();
    check_all();
    print_table();
    net_poller_close(poller);
    return opened == count ? EXIT_SUCCESS : EXIT_FAILURE;
}
