/* Peers that dial a udp listener. */
#include "somebody.h"

#include <string.h>

static char heard[65536];

/* The `host:port` of a property that is an address. */
static void name_of(net_socket *socket, const char *property, char name[ADDRESS_MAX])
{
    char address[ADDRESS_MAX];

    assert_ok(net_get(socket, property, address, sizeof address));
    strcpy(name, strstr(address, "//") + 2);
}

void meet_somebody(net_socket *listener, struct somebody *somebody)
{
    char address[ADDRESS_MAX];

    dial_address(listener, address);
    somebody->socket = assert_socket(net_connect(address, soon()));
    name_of(somebody->socket, "local", somebody->name);
}

void part_with(struct somebody *people, int count)
{
    for (int i = 0; i < count; i++) {
        net_close(people[i].socket, NET_NOW);
    }
}

void say_words(const struct somebody *somebody, const char *words)
{
    assert_count(net_send(somebody->socket, words, strlen(words), soon()),
                 (long long)strlen(words));
}

void expect_words(net_socket *socket, const char *words)
{
    assert_count(net_recv(socket, heard, sizeof heard, soon()), (long long)strlen(words));
    assert_memory_equal(heard, words, strlen(words));
}

void expect_no_words(net_socket *socket)
{
    assert_code(net_recv(socket, heard, sizeof heard, NET_NOW), NET_TIMEOUT);
}

void overhear(net_socket *listener, const char *words, char name[ADDRESS_MAX])
{
    net_message message = {.data = heard, .capacity = sizeof heard};

    assert_count(net_recv_messages(listener, &message, 1, soon()), 1);
    assert_int_equal(message.size, strlen(words));
    assert_memory_equal(heard, words, strlen(words));
    assert_ok(net_endpoint_text(&message.endpoint, name, ADDRESS_MAX));
}

void admit(net_socket *listener, const struct somebody *somebody)
{
    assert_ok(net_set(listener, "admit", somebody->name));
}

net_socket *accept_admitted(net_socket *listener, const struct somebody *somebody)
{
    net_socket *peer = assert_socket(net_accept(listener, NET_NOW));
    char name[ADDRESS_MAX];

    name_of(peer, "peer", name);
    assert_string_equal(name, somebody->name);
    return peer;
}
