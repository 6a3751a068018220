/* discover [INTERFACE]               - asks which servers are on the link, and prints the answers
 * discover --serve NAME [INTERFACE]  - answers with NAME until it is killed
 *
 * Anybody on the link may answer, with any name, as often as they like: a name is shown without
 * characters that could mislead a reader, and the question is over after a second.
 *
 * The question goes to a multicast group, so no address has to be known: a server joins the group
 * by listening to it. The asker listens on a port of its own and sends to the group's endpoint. A
 * socket dialed to the group would receive nothing, because the answers come from the hosts. */
#include <netfacade.h>

#include "text.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES = 2, ADDRESS_SIZE = 128, NAME_SIZE = 64, FOUND_MAX = 256 };
enum { ASKINGS = 3, ASK_MS = 300, SEND_MS = 100 }; /* a datagram may be lost: ask more than once */
static const char *const groups[FAMILIES] = {"udp://239.255.9.9:7038", "udp://[ff15::9]:7038"};
static char *server_name;
static struct {
    net_endpoint who;
    char name[NAME_SIZE];
} found[FOUND_MAX];

/* The address, with the interface for groups if there is one. */
static const char *with(const char *interface, const char *base, char address[ADDRESS_SIZE])
{
    snprintf(address, ADDRESS_SIZE, "%s%s%s", base, interface != NULL ? "?interface=" : "",
             interface != NULL ? interface : "");
    return address;
}

/* A thread: answer every question at the endpoint that it came with. */
static void *answer(void *server)
{
    char question[NAME_SIZE];
    net_message message = {.data = question, .capacity = sizeof question};

    while (net_recv_messages(server, &message, 1, NET_FOREVER) == 1) {
        message.data = server_name;
        message.size = strlen(server_name);
        net_send_messages(server, &message, 1,
                          net_after(SEND_MS)); /* if it fails, the peer asks again */
        message.data = question;
    }
    fprintf(stderr, "discover: %s\n", net_error_text());
    exit(EXIT_FAILURE); /* half a server would look like a whole one */
}

static int serve(const char *interface)
{
    pthread_t threads[FAMILIES];
    char address[ADDRESS_SIZE];

    for (int i = 0; i < FAMILIES; i++) {
        net_socket *server = net_listen(with(interface, groups[i], address));
        if (server == NULL || pthread_create(&threads[i], NULL, answer, server) != 0) {
            fprintf(stderr, "discover: %s\n", server == NULL ? net_error_text() : "no thread");
            return EXIT_FAILURE;
        }
        fprintf(stderr, "listening on %s\n", address);
    }
    pthread_join(threads[0], NULL); /* it never ends */
    return EXIT_FAILURE;
}

/* Ask both groups. Where a host has only one of the families, the other cannot be reached. */
static int ask(net_socket *asker, const char *interface)
{
    char address[ADDRESS_SIZE];
    int asked = 0;

    for (int i = 0; i < FAMILIES; i++) {
        net_message message = {.data = "who?", .size = 4};
        int known = net_resolve(with(interface, groups[i], address), &message.endpoint, 1, NET_NOW);
        asked += known == 1 && net_send_messages(asker, &message, 1, net_after(SEND_MS)) == 1;
    }
    return asked;
}

/* Whether this server has answered before, by this address. */
static bool is_known(const net_endpoint *who, const char *name, int count)
{
    bool known = false;

    for (int i = 0; i < count && !known; i++) {
        known = memcmp(found[i].who.remote, who->remote, sizeof who->remote) == 0 &&
                strcmp(found[i].name, name) == 0;
    }
    return known;
}

/* Print the servers that answer until `deadline`, each once. `count` are known; returns how many
 * are then. A receive takes what is there even when its deadline has passed, so look at the clock,
 * too: else somebody who sends without end would keep this going. */
static int print_answers(net_socket *asker, int count, net_deadline deadline)
{
    char address[ADDRESS_SIZE];
    char name[NAME_SIZE] = "";
    net_message message = {.data = name, .capacity = NAME_SIZE - 1};

    while (count < FOUND_MAX && net_recv_messages(asker, &message, 1, deadline) == 1 &&
           net_after(0) < deadline) {
        name[text_clean(name, strlen(name))] = '\0';
        if (!is_known(&message.endpoint, name, count)) {
            net_endpoint_text(&message.endpoint, address, sizeof address);
            printf("%s %s\n", address, name);
            found[count].who = message.endpoint;
            memcpy(found[count++].name, name, sizeof name);
        }
        memset(name, 0, sizeof name);
    }
    return count;
}

int main(int argc, char **argv)
{
    char address[ADDRESS_SIZE];
    int count = 0;

    if ((argc == 3 || argc == 4) && strcmp(argv[1], "--serve") == 0) {
        server_name = argv[2];
        return serve(argv[3]); /* NULL when no interface is named */
    }
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fputs("usage: discover [INTERFACE]\n       discover --serve NAME [INTERFACE]\n", stderr);
        return 2;
    }
    net_socket *asker = net_listen(with(argv[1], "udp://*:0", address));
    for (int i = 0; i < ASKINGS && count < FOUND_MAX; i++) {
        if (asker == NULL || ask(asker, argv[1]) == 0) {
            fprintf(stderr, "discover: %s\n", net_error_text());
            return EXIT_FAILURE;
        }
        count = print_answers(asker, count, net_after(ASK_MS));
    }
    net_close(asker, NET_NOW);
    if (count == 0) {
        fputs("discover: nobody answers\n", stderr);
    }
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
