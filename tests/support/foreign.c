#include "foreign.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool is_unix(const char *template)
{
    return strncmp(template, "unix", 4) == 0;
}

/* A unix address that contains only the family asks the system for a name (unix(7)). */
static socklen_t name_of(const char *template, union any_address *name)
{
    *name = (union any_address){0};
    if (is_unix(template)) {
        name->any.sa_family = AF_UNIX;
        return sizeof name->any.sa_family;
    }
    if (strstr(template, "127.0.0.1") != NULL) {
        name->v4.sin_family = AF_INET;
        name->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof name->v4;
    }
    name->v6.sin6_family = AF_INET6;
    name->v6.sin6_addr = strchr(template, '*') != NULL ? in6addr_any : in6addr_loopback;
    return sizeof name->v6;
}

int foreign_bound(const char *template)
{
    union any_address name;
    socklen_t length = name_of(template, &name);
    int fd = socket(name.any.sa_family, is_stream(template) ? SOCK_STREAM : SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &name.any, length), 0);
    return fd;
}

int foreign_listener(const char *template)
{
    int fd = foreign_bound(template);

    if (is_stream(template)) {
        assert_int_equal(listen(fd, FOREIGN_BACKLOG), 0);
    }
    return fd;
}

/* A unix datagram socket has a name only if it binds one. */
int foreign_dial(net_socket *listener)
{
    struct sockaddr any = {.sa_family = AF_UNIX};
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    socklen_t size = sizeof(int);
    int type = 0;

    assert_int_equal(getsockname(net_fd(listener), (struct sockaddr *)&name, &length), 0);
    assert_int_equal(getsockopt(net_fd(listener), SOL_SOCKET, SO_TYPE, &type, &size), 0);
    if (name.ss_family != AF_UNIX || type == SOCK_STREAM) {
        return raw_dial(listener);
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &any, sizeof any.sa_family), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, length), 0);
    return fd;
}

char *foreign_address(int fd, const char *options, char address[ADDRESS_MAX])
{
    snprintf(address, ADDRESS_MAX, "fd://%d%s", fd, options);
    return address;
}

net_socket *adopt_listener(int fd)
{
    char address[ADDRESS_MAX];

    return assert_socket(net_listen(foreign_address(fd, "", address)));
}

net_socket *adopt_connection(int fd)
{
    char address[ADDRESS_MAX];

    return assert_socket(net_connect(foreign_address(fd, "", address), NET_NOW));
}

void dial_adopted(const char *template, struct pair *pair)
{
    char hi[8];

    pair->listener = assert_socket(net_listen(template));
    pair->client = adopt_connection(foreign_dial(pair->listener));
    if (!is_stream(template)) {
        assert_count(net_send(pair->client, "hi", 2, soon()), 2);
    }
    pair->server = assert_socket(net_accept(pair->listener, soon()));
    if (!is_stream(template)) {
        assert_count(net_recv(pair->server, hi, sizeof hi, soon()), 2);
    }
}

void ping_pong(net_socket *one, net_socket *other)
{
    char buffer[8];

    assert_count(net_send(one, "ping", 4, soon()), 4);
    assert_count(net_recv(other, buffer, sizeof buffer, soon()), 4);
    assert_memory_equal(buffer, "ping", 4);
    assert_count(net_send(other, "pong!", 5, soon()), 5);
    assert_count(net_recv(one, buffer, sizeof buffer, soon()), 5);
    assert_memory_equal(buffer, "pong!", 5);
}
